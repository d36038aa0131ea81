import type { Turns } from '../../protocol/index.ts'
import type { MachineInRollout, RolloutRecord } from '../store/rollout-records.ts'
import type { World } from './observe.ts'

/** Minimum number of failed turns on updated machines at which a rollout can halt. */
const FAILED = 5
/** Minimum share of failed turns on updated machines. */
const SHARE = 0.2
/** Minimum factor by which this share must be greater than the share without the update. */
const FACTOR = 2
/** Time before an update in which turns are counted for comparison, in milliseconds. */
const BEFORE_MS = 24 * 3_600_000

/** The turns of machines with and without the update. */
export interface TurnsCompared {
  updated: Turns
  others: Turns
}

/** Returns the turns of a machine before its update. */
export const turnsBefore = ({ machine_id }: MachineInRollout, { now, turnsOf }: World): Turns =>
  turnsOf(machine_id, now - BEFORE_MS, now)

/** Counts the turns on updated machines since their updates, and all other turns in the groups. */
export function compared({ machines, turns_from }: RolloutRecord, world: World): TurnsCompared {
  const fromMs = turns_from === undefined ? 0 : Date.parse(turns_from)
  const updated = machines.filter(({ updated_at }) => updated_at !== undefined)
  const since = updated.map(({ machine_id, updated_at }) =>
    world.turnsOf(machine_id, Math.max(fromMs, Date.parse(updated_at!)), world.now + 1),
  )
  const before = updated.flatMap(({ turns_before }) => turns_before ?? [])
  const elsewhere = machines
    .filter(({ state }) => state === 'waiting')
    .map((each) => turnsBefore(each, world))
  return { updated: sum(since), others: sum([...before, ...elsewhere]) }
}

/** Returns the sentence about too many failed turns on updated machines; undefined if there are not too many. */
export function tooManyFailures({ updated, others }: TurnsCompared): string | undefined {
  const share = updated.failed / Math.max(1, updated.ended)
  const usual = others.failed / Math.max(1, others.ended)
  if (updated.failed < FAILED || share < SHARE || share < FACTOR * usual) return undefined
  return `${updated.failed} of ${updated.ended} turns have failed on updated machines, but ${others.failed} of ${others.ended} without the update.`
}

const sum = (all: Turns[]): Turns => ({
  ended: all.reduce((total, { ended }) => total + ended, 0),
  failed: all.reduce((total, { failed }) => total + failed, 0),
})
