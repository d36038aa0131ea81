import { existsSync, realpathSync } from 'node:fs'
import { peekRecord } from './record.ts'

/**
 * The program that this one, which could not be replaced, is to hand a start of the daemon over to; undefined where it is
 * to start the daemon itself: also when it is not what it was then, since somebody has decided otherwise by installing it.
 * @param command the program by the name it was started by
 */
export function handoverOf(stateDir: string, command: string, version: string): string | undefined {
  const handover = peekRecord(stateDir)?.handover
  if (!handover || handover.version !== version || !existsSync(handover.to)) return undefined
  return realpathSync(command) === handover.from ? handover.to : undefined
}
