import type { HubRolloutSummary } from '../../protocol/index.ts'
import type { RolloutRecord } from '../store/rollout-records.ts'
import { hasOpenOrders } from './advance.ts'

/** Number of rollouts without effect that are kept with their machines. */
const WHOLE = 3
/** Maximum number of rollouts that are kept. The oldest are forgotten first. */
const MOST = 50
/** States in which a group cannot get another rollout. */
export const ACTIVE = ['running', 'soaking', 'paused', 'halted', 'rolling_back']
/** States in which a rollout does not decide about its groups, so that an earlier rollout may decide again. */
const WITHDRAWN = ['cancelled', 'rolled_back']

/** Returns the later rollouts that decide about their groups. */
export const newerThan = ({ rollout_id }: RolloutRecord, all: readonly RolloutRecord[]) =>
  all
    .slice(all.findIndex((each) => each.rollout_id === rollout_id) + 1)
    .filter(({ state }) => !WITHDRAWN.includes(state))

/** Reports whether a rollout has no effect any longer: it is finished, and its groups have later rollouts. */
export function isOver(record: RolloutRecord, all: readonly RolloutRecord[]): boolean {
  if (ACTIVE.includes(record.state) || hasOpenOrders(record)) return false
  const later = newerThan(record, all)
  const isReplaced = record.groups.every((group) => later.some(({ groups }) => groups.includes(group)))
  return record.state === 'cancelled' || isReplaced
}

/** Returns a rollout without its machines, which may be thousands. */
export function summaryOf({ machines, counts: kept, ...rest }: RolloutRecord): HubRolloutSummary {
  const counts: Record<string, number> = {}
  for (const { state } of machines) counts[state] = (counts[state] ?? 0) + 1
  return { ...rest, counts: machines.length === 0 && kept ? kept : counts }
}

/**
 * Forgets the oldest rollouts beyond the limit, beginning with those that have no effect any longer, and the
 * machines of all but the newest of the latter: the list is written with each step of a rollout.
 */
export function withRoom(all: readonly RolloutRecord[]): readonly RolloutRecord[] {
  const excess = Math.max(0, all.length - MOST)
  const over = all.filter((each) => isOver(each, all))
  const resting = all.filter((each) => !ACTIVE.includes(each.state) && !over.includes(each))
  const forgotten = [...over, ...resting].slice(0, excess)
  const shortened = over.slice(0, -WHOLE)
  return all
    .filter((each) => !forgotten.includes(each))
    .map((each) =>
      shortened.includes(each) ? { ...each, counts: summaryOf(each).counts, machines: [] } : each,
    )
}
