import { existsSync, realpathSync } from 'node:fs'
import { type Fault, faultsOf } from '../platform/ours.ts'
import { peekRecord } from './record.ts'

/**
 * The program that this one, which could not be replaced, is to hand a start of the daemon over to; undefined where it is
 * to start the daemon itself: also when it is not what it was then, since somebody has decided otherwise by installing it.
 * @param command the program by the name it was started by
 * @param strict leave another user's program alone
 */
export function handoverOf(
  stateDir: string,
  command: string,
  version: string,
  strict: boolean,
): string | undefined {
  const handover = peekRecord(stateDir)?.handover
  if (!handover || handover.version !== version || !existsSync(handover.to)) return undefined
  if (strict && faultsOf(handover.to).some(({ kind }) => kind === 'owner')) return undefined
  return realpathSync(command) === handover.from ? handover.to : undefined
}

/**
 * What lets others change the program that a start is handed over to, and not the state folder as well.
 * @param user uid of the daemon; this process's by default
 */
export function handoverFaults(stateDir: string, user?: number): Fault[] {
  const { handover } = peekRecord(stateDir) ?? {}
  if (!handover) return []
  const known = faultsOf(stateDir, user).map(({ path }) => path)
  return faultsOf(handover.to, user).filter(({ path }) => !known.includes(path))
}
