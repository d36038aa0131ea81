import type { ChangedFile, Hunk, WorkspaceChanges } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { clean, cleanLine } from './clean.ts'

const OMITTED: Record<string, string> = {
  too_large: 'The file is too large to be compared.',
  too_different: 'The versions are too different to be compared.',
  unreadable: 'The content cannot be read.',
  start_unknown: 'The content at the start of the agent is not known.',
}

/** Maximum width of a problem. */
const PROBLEM_COLUMNS = 500

export interface ChangeOptions {
  colors: Colors
  /** Folder of the file, if the agent has several. */
  folder: string | undefined
  /** True if the file's first hunks were on the page before. */
  isContinued: boolean
  /** True to leave out the lines. */
  isShort: boolean
}

/** Returns a changed file as lines, as in a unified diff. */
export function changeText(file: ChangedFile, options: ChangeOptions): string {
  const { colors, isContinued, isShort } = options
  const head = isContinued ? '' : `${headOf(file, options)}\n`
  if (isShort) return head
  const lines = file.hunks.map((hunk) => hunkText(hunk, colors)).join('')
  return head + lines + (file.continued ? '' : '\n')
}

function headOf({ path, old_path, ...file }: ChangedFile, { colors, folder }: ChangeOptions): string {
  const named = (name: string) => cleanLine(folder === undefined ? name : `${folder}/${name}`)
  const from = old_path === undefined ? '' : `${named(old_path)} → `
  const mode = file.mode === undefined ? '' : `mode ${file.old_mode} → ${file.mode}`
  const about = [file.change, file.kind ?? '', file.binary ? 'binary' : '', mode].map((part) =>
    cleanLine(part),
  )
  const words = [...about, countsOf(file, colors)].filter((part) => part !== '')
  const head = `${colors.bold(from + named(path))}  ${words.join(', ')}`
  return file.omitted === undefined
    ? head
    : `${head}\n${colors.dim(OMITTED[file.omitted] ?? 'The lines are not shown.')}`
}

function countsOf({ added, removed }: Pick<ChangedFile, 'added' | 'removed'>, colors: Colors): string {
  if (added === undefined || removed === undefined) return ''
  return `${colors.green(`+${added}`)} ${colors.red(`-${removed}`)}`
}

function hunkText({ old_start, old_lines, new_start, new_lines, text }: Hunk, colors: Colors): string {
  const head = colors.cyan(`@@ -${old_start},${old_lines} +${new_start},${new_lines} @@`)
  const styles: Record<string, (line: string) => string> = { '+': colors.green, '-': colors.red }
  const lines = text.split('\n').map((line) => (styles[line[0] ?? ''] ?? String)(clean(indented(line))))
  return `${[head, ...lines].join('\n')}\n`
}

/** Returns a line of a hunk. A line of an invalid hunk must not look like a line of this program. */
const indented = (line: string) => (/^[ +\\-]/.test(line) ? line : ` ${line}`)

/** Returns a line about each folder whose changes are missing. */
export const problemsText = ({ folders }: WorkspaceChanges): string[] =>
  folders.flatMap(({ problem }) => (problem === undefined ? [] : cleanLine(problem, PROBLEM_COLUMNS)))

/** Returns a line about all changes. */
export function changesSummary(
  { files, ...lines }: { files: number; added: number; removed: number },
  colors: Colors,
): string {
  if (files === 0) return 'Nothing has changed.\n'
  return `${files} ${files === 1 ? 'file' : 'files'} changed, ${countsOf(lines, colors)}\n`
}
