import { isAlive, type ProcessIdentity, sendSignal } from '../../platform/process-identity.ts'
import { userOf } from '../../platform/process-list.ts'

/** Number of remembered processes at which ended processes are forgotten. */
const TIDY_AT = 256

const asked = new Map<string, ProcessIdentity>()

/**
 * Sends SIGTERM to a process, but only once. Many programs abort their cleanup at a second SIGTERM, and
 * several steps of a stop can signal the same process at the same time.
 * @param user required owner of the process
 * @returns whether the process exists and got the signal, now or earlier
 */
export function terminate(process: ProcessIdentity, user?: number): boolean {
  const key = `${process.pid} ${process.start} ${process.boot_id}`
  if (asked.has(key)) return isAlive(process)
  if (!signal(process, 'SIGTERM', user)) return false
  if (asked.size >= TIDY_AT) for (const [each, identity] of asked) if (!isAlive(identity)) asked.delete(each)
  asked.set(key, process)
  return true
}

/** Sends a signal to a process. @param user required owner of the process @returns whether it got the signal */
export const signal = (process: ProcessIdentity, name: NodeJS.Signals, user?: number): boolean =>
  (user === undefined || userOf(process.pid) === user) && sendSignal(process, name)
