import { isDiskFull } from '../platform/errors.ts'
import type { CommandError } from '../protocol/index.ts'

/** A request that failed: its HTTP status and the error in the answer. */
export class Fault extends Error {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 500 | 503 | 507
  readonly error: CommandError

  constructor(status: Fault['status'], code: string, message: string, rest: Partial<CommandError> = {}) {
    super(message)
    this.status = status
    this.error = { code, message, ...rest }
  }
}

/** Returns the fault for an error; undefined for an unexpected error. */
export function faultIn(error: Error): Fault | undefined {
  if (error instanceof Fault) return error
  if (!isDiskFull(error)) return undefined
  return new Fault(507, 'disk_full', `The hub could not write to its folder: ${error.message}`, {
    remedy: 'Make room on the disk with the hub’s folder.',
  })
}
