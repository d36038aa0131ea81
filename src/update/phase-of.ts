import type { UpdateRecord } from './record.ts'
import type { Phase } from './states.ts'
import type { World } from './world.ts'

/**
 * Returns the phase of a recorded update. If the stand-in could not be put in place, the update counts as
 * reverted, not as failed: the trial was recorded before, so this case looks like a trial that was reverted.
 */
export function phaseOf(record: UpdateRecord, { running, hasStandIn, starts }: World): Phase {
  const { outcome, trial, stage, to } = record
  const isNext = running === to
  const isSwitched = stage === 'relaunch' || stage === 'confirm'
  if (outcome === 'succeeded') return 'confirmed'
  if (outcome === 'failed') {
    if (!trial) return 'failed'
    return isNext || hasStandIn ? 'reverting' : 'reverted'
  }
  if (hasStandIn) return isNext || starts > 0 ? 'on_trial' : 'staged'
  if (isNext && (trial || isSwitched)) return 'confirmed'
  if (isSwitched) return trial ? 'reverted' : 'staged'
  return 'fetching'
}
