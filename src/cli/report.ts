import { isDiskFull, shortageIn, UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'
import { jsonLine, stderrColors } from './terminal.ts'

export interface Report {
  stdout: string
  stderr: string
  exitCode: number
}

/** What to say about an error that ends the program, to be written by way of `terminal.ts`. @param json as one JSON object on stdout instead of text */
export function report(thrown: unknown, { json }: { json: boolean }): Report {
  const error = isDiskFull(thrown) ? diskFull(thrown as NodeJS.ErrnoException) : (shortage(thrown) ?? thrown)
  const exitCode = error instanceof UserError ? error.exitCode : EXIT.failure
  if (json) {
    const { code, message, remedy, facts } = error instanceof UserError ? error : fault(error)
    const body = { error: { code, message, ...(remedy !== undefined && { remedy }), ...facts } }
    return { stdout: jsonLine(body), stderr: '', exitCode }
  }
  const { red, dim } = stderrColors()
  if (error instanceof UserError) {
    const remedy = error.remedy === undefined ? '' : dim(`  → ${indentRest(error.remedy, 4)}\n`)
    return { stdout: '', stderr: `${red('error:')} ${indentRest(error.message)}\n${remedy}`, exitCode }
  }
  // Not foreseen: whoever mends it needs the stack.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { stdout: '', stderr: `${red('internal error:')} ${stack}\n`, exitCode }
}

/** A message may quote what others say, in several lines: none of these is to look like one of our own. */
const indentRest = (text: string, by = 2) => text.replace(/\r?\n(?!$)/g, `\n${' '.repeat(by)}`)

/** Anything that is written may be the first to find it so. */
const diskFull = (error: NodeJS.ErrnoException) =>
  new UserError('disk_full', `The disk is full${error.path ? `: ${error.path} could not be written` : ''}.`, {
    remedy: 'Make room on the disk with the state folder, then start again. Agents that run are not touched.',
    cause: error,
  })

/** Anything that is opened or started may be the first to find it so. A supervisor tries again. */
function shortage(error: unknown): UserError | undefined {
  const found = error instanceof UserError ? undefined : shortageIn(error)
  return (
    found &&
    new UserError('shortage', `It could not be done: ${found.message}`, {
      remedy: found.remedy,
      cause: error,
    })
  )
}

const fault = (error: unknown) => ({
  code: 'internal',
  message: error instanceof Error ? error.message : String(error),
  remedy: undefined,
  facts: {},
})
