import type { PermissionRequest } from '../protocol/permission.ts'

/** A change of a file by a tool. */
export interface Change {
  path: string
  /** Texts before and after. The text before is empty for a new file, and if the input does not contain it. */
  parts: { before: string; after: string }[]
  /** The other fields of the input. */
  rest: Record<string, unknown>
}

/**
 * Returns the change that a tool makes; undefined if the input has another form than the known tools' input.
 * The fields that the change does not show are in `rest`.
 */
export function changeOf({ tool, input }: Pick<PermissionRequest, 'tool' | 'input'>): Change | undefined {
  if (tool === 'NotebookEdit') return cellChange(input)
  const { file_path: path, ...others } = input
  if (typeof path !== 'string') return undefined
  if (tool === 'Edit') {
    const { old_string: before, new_string: after, ...rest } = others
    return isText(before) && isText(after) ? { path, parts: [{ before, after }], rest } : undefined
  }
  if (tool === 'Write') {
    const { content: after, ...rest } = others
    return isText(after) ? { path, parts: [{ before: '', after }], rest } : undefined
  }
  if (tool !== 'MultiEdit') return undefined
  const { edits, ...rest } = others
  if (!Array.isArray(edits)) return undefined
  const parts: Change['parts'] = []
  const further: Record<string, unknown> = { ...rest }
  for (const [index, edit] of edits.entries()) {
    if (typeof edit !== 'object' || edit === null) return undefined
    const { old_string: before, new_string: after, ...more } = edit as Record<string, unknown>
    if (!isText(before) || !isText(after)) return undefined
    parts.push({ before, after })
    if (Object.keys(more).length > 0) further[`edit ${index + 1}`] = more
  }
  return { path, parts, rest: further }
}

/** Returns the change of a notebook's cell. The input contains only the cell's new text. */
function cellChange({ notebook_path: path, new_source: after, ...rest }: Record<string, unknown>) {
  if (!isText(path) || !isText(after) || rest.edit_mode === 'delete') return undefined
  return { path, parts: [{ before: '', after }], rest }
}

const isText = (value: unknown): value is string => typeof value === 'string'
