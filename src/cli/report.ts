import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'
import { colors, wantsColor } from './render/ansi.ts'
import { clean } from './render/clean.ts'

export interface Report {
  stdout: string
  stderr: string
  exitCode: number
}

/** What to say about an error that ends the program. @param json as one JSON object on stdout instead of text */
export function report(error: unknown, { json }: { json: boolean }): Report {
  const exitCode = error instanceof UserError ? error.exitCode : EXIT.failure
  if (json) {
    const { code, message, remedy } = error instanceof UserError ? error : fault(error)
    const body = { error: { code, message, ...(remedy !== undefined && { remedy }) } }
    return { stdout: `${JSON.stringify(body)}\n`, stderr: '', exitCode }
  }
  const { red, dim } = colors(wantsColor(process.env, process.stderr.isTTY === true))
  if (error instanceof UserError) {
    const remedy = error.remedy === undefined ? '' : dim(`  → ${clean(error.remedy)}\n`)
    return { stdout: '', stderr: `${red('error:')} ${clean(error.message)}\n${remedy}`, exitCode }
  }
  // Not foreseen: whoever mends it needs the stack.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { stdout: '', stderr: `${red('internal error:')} ${clean(stack)}\n`, exitCode }
}

const fault = (error: unknown) => ({
  code: 'internal',
  message: error instanceof Error ? error.message : String(error),
  remedy: undefined,
})
