import { withPriority } from './journald.ts'
import { visible, visibleJson } from './visible-text.ts'

/** Maximum number of lines of a stack to show: an error may have many causes. */
const STACK_LINES = 50

/**
 * Formats a log entry for people: one line, and an indented line for each line of a bug's stack; other text
 * stays. Escapes characters that a terminal would obey.
 * @param timed false if the reader of the log adds the time
 */
export function formatLogLine(line: string, { timed = true } = {}): string {
  const entry = entryOf(line)
  if (!entry) return `${visible(line.trimEnd())}\n`
  const { time, level, msg, err, ...rest } = entry
  const { message = String(err), stack, code } = (err ?? {}) as Record<string, unknown>
  const error = err === undefined ? '' : ` (${message})`
  const details = Object.entries(rest).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const at = timed ? `${String(time).slice(0, 19).replace('T', ' ')}Z ` : ''
  const text = `${at}${String(level).padEnd(5)} ${msg ?? ''}${error}${details.join('')}`
  return [text, ...(isForeseen(code) ? [] : callsIn(stack))].map((each) => `${visible(each)}\n`).join('')
}

/**
 * Reports whether an error comes from the system or is a failure, so that its stack would tell nothing. The codes
 * of Node's own errors begin with `ERR_`: these are bugs.
 */
const isForeseen = (code: unknown) => typeof code === 'string' && !code.startsWith('ERR_')

/** Returns the lines of a stack below its message, indented, so that none looks like an entry. */
function callsIn(stack: unknown): string[] {
  if (typeof stack !== 'string') return []
  const lines = stack.split('\n')
  return lines.slice(1, STACK_LINES + 1).map((line) => `    ${line.trim()}`)
}

/** Formats a log entry as JSON for programs. Other text becomes the message of an entry. */
export const jsonLogLine = (line: string): string =>
  `${visibleJson(JSON.stringify(entryOf(line) ?? { msg: line.trimEnd() }))}\n`

/** Formats a log entry for journald, which gets the priority of each line and adds the time of text itself. */
export function journaldLogLine(line: string, format: 'text' | 'json'): string {
  const text = format === 'json' ? visibleJson(line) : formatLogLine(line, { timed: false })
  return withPriority(text, String(entryOf(line)?.level))
}

function entryOf(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined
  } catch {
    // The line is torn, or from another program.
    return undefined
  }
}
