import { existsSync, realpathSync } from 'node:fs'
import { judge, notOurs, strictByEnvironment } from '../config/strict.ts'
import { type Fault, faultsOf } from '../platform/ours.ts'
import { UpdateFailure } from './failure.ts'
import { peekRecord } from './record.ts'

/**
 * The program that this one, which could not be replaced, is to hand a start of the daemon over to; undefined where it is
 * to start the daemon itself: also when it is not what it was then, since somebody has decided otherwise by installing it.
 * @param command the program by the name it was started by
 * @param strict leave a program alone that others own or can change
 */
export function handoverOf(
  stateDir: string,
  command: string,
  version: string,
  strict: boolean,
): string | undefined {
  const handover = peekRecord(stateDir)?.handover
  if (!handover || handover.version !== version || !existsSync(handover.to)) return undefined
  if (refusedAt(handover.to, stateDir, strict).length > 0) return undefined
  return realpathSync(command) === handover.from ? handover.to : undefined
}

/** What lets others change a program, unless the state folder has been found in the same hands before. */
const refusedAt = (path: string, stateDir: string, strict: boolean): Fault[] =>
  judge(stateDir, { faults: faultsOf(path), strict }).refused

/** Refuses a place from which a program would not be run. @throws UpdateFailure */
export function checkPlace(root: string, stateDir: string, env: NodeJS.ProcessEnv) {
  const [fault] = refusedAt(root, stateDir, strictByEnvironment(env))
  if (!fault) return
  const { message, remedy } = notOurs(fault)
  throw new UpdateFailure('update_refused', 'resolve', message, { ...(remedy !== undefined && { remedy }) })
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
