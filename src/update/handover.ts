import { existsSync, realpathSync } from 'node:fs'
import { faultsOf } from '../platform/ours.ts'
import { peekRecord } from './record.ts'

/**
 * The program that this one, which could not be replaced, is to hand a start of the daemon over to; undefined where it is
 * to start the daemon itself: also when it is not what it was then, since somebody has decided otherwise by installing it.
 * @param command the program by the name it was started by
 * @param strict leave a program alone that others can change
 */
export function handoverOf(
  stateDir: string,
  command: string,
  version: string,
  strict: boolean,
): string | undefined {
  const handover = peekRecord(stateDir)?.handover
  if (!handover || handover.version !== version || !existsSync(handover.to)) return undefined
  if (strict && faultsOf(handover.to).length > 0) return undefined
  return realpathSync(command) === handover.from ? handover.to : undefined
}
