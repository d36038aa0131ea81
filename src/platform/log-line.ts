import { withPriority } from './journald.ts'
import { visible, visibleJson } from './visible-text.ts'

/** Maximum number of lines of a stack to show. The stack of an error with many causes can be long. */
const STACK_LINES = 50

/**
 * Formats a log entry for people: one line for the entry, and an indented line for each line of a bug's
 * stack. Text that is not a log entry stays unchanged. Escapes characters that a terminal would obey.
 * @param timed false to omit the time, for example because journald adds it
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
 * Reports whether an error is foreseen: an error of the system, or a `Failure`. The stack of such an error
 * would not help. An error whose code begins with `ERR_` comes from Node, and is a bug.
 */
const isForeseen = (code: unknown) => typeof code === 'string' && !code.startsWith('ERR_')

/**
 * Returns the lines of a stack below its message. They are indented, so that no line looks like a log entry.
 */
function callsIn(stack: unknown): string[] {
  if (typeof stack !== 'string') return []
  const lines = stack.split('\n')
  return lines.slice(1, STACK_LINES + 1).map((line) => `    ${line.trim()}`)
}

/** Formats a log entry as JSON for programs. Text that is not a log entry becomes the message of an entry. */
export const jsonLogLine = (line: string): string =>
  `${visibleJson(JSON.stringify(entryOf(line) ?? { msg: line.trimEnd() }))}\n`

/**
 * Formats a log entry for journald, with a priority on each line. Text entries have no time, because journald
 * adds it.
 */
export function journaldLogLine(line: string, format: 'text' | 'json'): string {
  const text = format === 'json' ? visibleJson(line) : formatLogLine(line, { timed: false })
  return withPriority(text, String(entryOf(line)?.level))
}

function entryOf(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : undefined
  } catch {
    // The line is incomplete, or comes from another program.
    return undefined
  }
}
