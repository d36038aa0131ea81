import { startsOf, type UpdateRecord } from './record.ts'
import { hasStandIn } from './switch/place.ts'

/** Facts that a process needs in addition to the record of the last update, to determine the next step. */
export interface World {
  /** Version of this program. */
  running: string
  /** True if the program is replaced by the stand-in that the record of the trial names. */
  hasStandIn: boolean
  /** Number of starts of the version on trial. */
  starts: number
}

/**
 * Reads the facts for a record from the installation and the state folder. Reads nothing if the update is
 * settled.
 */
export const worldOf = (stateDir: string, running: string, { trial, settled }: UpdateRecord): World => ({
  running,
  hasStandIn: !settled && trial !== undefined && hasStandIn(trial),
  starts: settled ? 0 : startsOf(stateDir),
})
