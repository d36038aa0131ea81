/** The most informative fields of a tool's input, best first. */
const TELLING = [
  'command',
  'file_path',
  'notebook_path',
  'pattern',
  'url',
  'query',
  'description',
  'subject',
  'skill',
  'path',
  'prompt',
]

/** Returns the most informative field of an input; undefined if it has no known field. */
export const tellingField = (input: Record<string, unknown>) =>
  TELLING.find((name) => typeof input[name] === 'string' && input[name] !== '')

/** Summarizes a tool's input in a text of any length. */
export function toolText(input: Record<string, unknown>): string {
  const telling = tellingField(input)
  if (telling !== undefined) return input[telling] as string
  if (Object.keys(input).length === 0) return ''
  if (Array.isArray(input.questions)) return `${input.questions.length} to answer`
  if (Array.isArray(input.todos)) return `${input.todos.length} items`
  return JSON.stringify(input)
}

/** Returns the text of a tool's result, which may be text or a list of blocks. */
export function resultText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return content === undefined ? '' : JSON.stringify(content)
  return content
    .map((block: unknown) => {
      if (typeof block !== 'object' || block === null) return String(block)
      if ('text' in block && typeof block.text === 'string') return block.text
      return `[${'type' in block ? String(block.type) : 'block'}]`
    })
    .join('\n')
}
