import { existsSync, realpathSync } from 'node:fs'
import { foreignError, isStrictByEnvironment, judgeFolder } from '../../config/ownership-policy.ts'
import { faultsOf, type OwnershipFault } from '../../platform/ownership.ts'
import { UpdateFailure } from '../failure.ts'
import { peekRecord } from '../record.ts'

/**
 * Returns the program that must start the daemon instead, because this program could not be replaced;
 * undefined if this program starts the daemon itself. A program that has changed since the update also does so:
 * someone has installed it on purpose.
 * @param command path used to start the program
 * @param running version of this program
 * @param strict do not hand over to a program that others own or can change
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

/** Returns what lets others change a program, without faults that the state folder's record tolerates. */
const refusedAt = (path: string, stateDir: string, strict: boolean): OwnershipFault[] =>
  judgeFolder(stateDir, { faults: faultsOf(path), strict }).refused

/** Refuses a folder from which this program would not run another version. @throws UpdateFailure */
export function checkPlace(root: string, stateDir: string, env: NodeJS.ProcessEnv) {
  const [fault] = refusedAt(root, stateDir, isStrictByEnvironment(env))
  if (!fault) return
  const { message, remedy } = foreignError(fault)
  throw new UpdateFailure('update_refused', 'resolve', message, { ...(remedy !== undefined && { remedy }) })
}

/**
 * Returns what lets others change the program of a handover, without faults that the state folder has, too.
 * @param user uid of the daemon; by default, that of this process
 */
export function handoverFaults(stateDir: string, user?: number): OwnershipFault[] {
  const { handover } = peekRecord(stateDir) ?? {}
  if (!handover) return []
  const known = faultsOf(stateDir, user).map(({ path }) => path)
  return faultsOf(handover.to, user).filter(({ path }) => !known.includes(path))
}
