import { startsOf, type UpdateRecord } from './record.ts'
import { hasStandIn } from './switch/place.ts'

/** Facts that a process needs besides the record of the last update. */
export interface World {
  /** Version of this program. */
  running: string
  /** True if the stand-in of the record's trial is in the program's place. */
  hasStandIn: boolean
  /** Number of starts of the version on trial. */
  starts: number
}

/**
 * Reads these facts from the installation and the state folder. Once the update is settled, reads neither.
 */
export const worldOf = (stateDir: string, running: string, { trial, settled }: UpdateRecord): World => ({
  running,
  hasStandIn: !settled && trial !== undefined && hasStandIn(trial),
  starts: settled ? 0 : startsOf(stateDir),
})
