import { Failure, isDiskFull, shortageIn, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { jsonLine, stderrColors } from './terminal.ts'

export interface Report {
  stdout: string
  stderr: string
  exitCode: number
}

/**
 * Formats an error that ends the program, for output through `terminal.ts`.
 * @param json return one JSON object on stdout instead of text
 */
export function report(thrown: unknown, { json }: { json: boolean }): Report {
  const error = isDiskFull(thrown) ? diskFull(thrown as NodeJS.ErrnoException) : (shortage(thrown) ?? thrown)
  const exitCode = error instanceof Failure ? error.exitCode : EXIT.failure
  if (json) {
    const { code, message, remedy } = error instanceof Failure ? error : bug(error)
    const facts = error instanceof UserError ? error.facts : {}
    const body = { error: { code, message, ...(remedy !== undefined && { remedy }), ...facts } }
    return { stdout: jsonLine(body), stderr: '', exitCode }
  }
  const { red, dim } = stderrColors()
  if (error instanceof Failure) {
    const remedy = error.remedy === undefined ? '' : dim(`  → ${indentRest(error.remedy, 4)}\n`)
    return { stdout: '', stderr: `${red('error:')} ${indentRest(error.message)}\n${remedy}`, exitCode }
  }
  // This error is a bug: a bug report needs the stack.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { stdout: '', stderr: `${red('internal error:')} ${stack}\n`, exitCode }
}

/**
 * Indents all lines but the first: a message may quote foreign text, and the lines of this text must not look
 * like lines of this program.
 */
const indentRest = (text: string, by = 2) => text.replace(/\r?\n(?!$)/g, `\n${' '.repeat(by)}`)

/** Any write can fail on a full disk. */
const diskFull = (error: NodeJS.ErrnoException) =>
  new UserError('disk_full', `The disk is full${error.path ? `: cannot write ${error.path}` : ''}.`, {
    remedy:
      'Free space on the disk with the state folder, then start again. Running agents are not affected.',
    cause: error,
  })

/**
 * Any attempt to open a file or start a process can exceed a limit of the system. A supervisor tries again.
 */
function shortage(error: unknown): UserError | undefined {
  const found = error instanceof Failure ? undefined : shortageIn(error)
  return (
    found &&
    new UserError('shortage', `The command failed: ${found.message}`, {
      remedy: found.remedy,
      cause: error,
    })
  )
}

const bug = (error: unknown) => ({
  code: 'internal',
  message: error instanceof Error ? error.message : String(error),
  remedy: undefined,
})
