import { phaseOf } from './phase-of.ts'
import type { UpdateRecord } from './record.ts'
import type { World } from './world.ts'

/**
 * Maximum number of attempts at one update. If the daemon ends during an update, the next daemon retries the
 * update.
 */
const MAX_ATTEMPTS = 3

/**
 * The action of a daemon that starts after or during an update:
 *
 * - `wait`: do nothing. Nothing has changed yet, and the server repeats a command that got no result.
 * - `try`: continue the trial. This process runs the version on trial.
 * - `succeed`: record the success, then settle.
 * - `fail_interrupted`: record that the new version was not started, put the previous version back, then settle.
 * - `fail_crashed`: record that the new version has crashed, put the previous version back, then settle.
 * - `go_back`: put the previous version back, and restart with it.
 * - `finish_reverting`: put the previous version back, then settle.
 * - `settle`: clean up, and report the recorded outcome.
 * - `clear`: remove the last files of an update that is settled.
 */
export type Action =
  | 'wait'
  | 'try'
  | 'succeed'
  | 'fail_interrupted'
  | 'fail_crashed'
  | 'go_back'
  | 'finish_reverting'
  | 'settle'
  | 'clear'

/** Returns the action by which a newly started daemon continues the update of an earlier process. */
export function nextStep(record: UpdateRecord, world: World): Action {
  const { settled, outcome, origin, attempts, to } = record
  const isNext = world.running === to
  if (settled) return 'clear'
  switch (phaseOf(record, world)) {
    case 'fetching':
      return origin === 'server' && attempts < MAX_ATTEMPTS ? 'wait' : 'fail_interrupted'
    case 'staged':
      return 'fail_interrupted'
    case 'on_trial':
      return isNext ? 'try' : 'fail_crashed'
    case 'confirmed':
      return outcome ? 'settle' : 'succeed'
    case 'reverting':
      return isNext ? 'go_back' : 'finish_reverting'
    case 'reverted':
      return outcome ? 'settle' : 'fail_crashed'
    case 'failed':
      return 'settle'
  }
}
