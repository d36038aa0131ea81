import { existsSync, realpathSync } from 'node:fs'
import { judgeFolder } from '../../config/ownership-policy.ts'
import { foreignError, isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { faultsOf, type OwnershipFault } from '../../platform/ownership.ts'
import { UpdateFailure } from '../failure.ts'
import { peekRecord } from '../record.ts'

/**
 * Returns the program that must start the daemon instead of this program, which an update could not replace.
 * Returns undefined if this program must start the daemon itself. That is also the case if this program has
 * changed since the update, because someone has then installed it on purpose.
 * @param command path by which the program was started
 * @param running version of this program
 * @param strict true to refuse a program that others own or can change
 */
export function handoverOf(
  stateDir: string,
  command: string,
  running: string,
  strict: boolean,
): string | undefined {
  const handover = peekRecord(stateDir)?.handover
  if (!handover || handover.version !== running || !existsSync(handover.to)) return undefined
  if (refusedAt(handover.to, stateDir, strict).length > 0) return undefined
  return realpathSync(command) === handover.from ? handover.to : undefined
}

/**
 * Returns the faults that let other users change a program, except faults that the state folder records as
 * tolerated.
 */
const refusedAt = (path: string, stateDir: string, strict: boolean): OwnershipFault[] =>
  judgeFolder(stateDir, { faults: faultsOf(path), strict }).refused

/**
 * Refuses a folder if this program would refuse to start another version from there. @throws UpdateFailure
 */
export function checkPlace(root: string, stateDir: string, env: NodeJS.ProcessEnv) {
  const [fault] = refusedAt(root, stateDir, isStrictByEnvironment(env))
  if (!fault) return
  const { message, remedy } = foreignError(fault)
  throw new UpdateFailure('update_refused', 'resolve', message, { ...(remedy !== undefined && { remedy }) })
}

/**
 * Returns the faults that let other users change the program of a handover, except faults of folders that
 * also contain the state folder.
 * @param user uid of the daemon; by default, the uid of this process
 */
export function handoverFaults(stateDir: string, user?: number): OwnershipFault[] {
  const { handover } = peekRecord(stateDir) ?? {}
  if (!handover) return []
  const known = faultsOf(stateDir, user).map(({ path }) => path)
  return faultsOf(handover.to, user).filter(({ path }) => !known.includes(path))
}
