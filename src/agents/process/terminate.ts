import { isAlive, type ProcessIdentity, sendSignal } from '../../platform/process-identity.ts'
import { userOf } from '../../platform/process-list.ts'

/** Size of `asked` at which processes that have ended are removed from it. */
const TIDY_AT = 256

const asked = new Map<string, ProcessIdentity>()

/**
 * Sends SIGTERM to a process, but only once. Many programs abort their cleanup at a second SIGTERM, and
 * several steps of a stop can signal the same process at the same time.
 * @param users permitted owners of the process
 * @returns whether the process exists and got the signal, now or earlier
 */
export function terminate(process: ProcessIdentity, users?: readonly number[]): boolean {
  const key = `${process.pid} ${process.start} ${process.boot_id}`
  if (asked.has(key)) return isAlive(process)
  if (!signal(process, 'SIGTERM', users)) return false
  if (asked.size >= TIDY_AT) for (const [each, identity] of asked) if (!isAlive(identity)) asked.delete(each)
  asked.set(key, process)
  return true
}

/** Sends a signal to a process. @param users permitted owners of the process @returns whether it got the signal */
export const signal = (process: ProcessIdentity, name: NodeJS.Signals, users?: readonly number[]): boolean =>
  (users === undefined || users.includes(userOf(process.pid) ?? Number.NaN)) && sendSignal(process, name)
