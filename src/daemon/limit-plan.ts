import type { Agent } from '../agents/agent.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import { isInTurn } from '../agents/state/lifecycle.ts'
import { isLimited, resetOf, retryAt } from '../agents/state/limit.ts'

/** Time between a reset and the first turn after the reset, in ms. It is needed because clocks differ. */
const GRACE_MS = 30_000
/**
 * Time over which the turns of agents are spread, in ms. With `GRACE_MS` and the interval between checks, a
 * turn begins within 90 s of the reset.
 */
const SPREAD_MS = 45_000
/** Time after which a turn without an answer no longer delays other agents, in ms. */
export const ATTEMPT_MS = 5 * 60_000

type Limited = Pick<Agent, 'id' | 'snapshot' | 'limits'>

/** Returns the limit that has ended the agent's last turn. */
export function limitOf({ snapshot, id }: Pick<Agent, 'id' | 'snapshot'>) {
  if (!snapshot.limit) throw new Error(`${id} has no limit`)
  return snapshot.limit
}

/**
 * Returns the delay of this agent's turn. Delays differ between agents, and stay the same after a restart of
 * the daemon.
 */
export const spreadMs = (agent: Pick<Agent, 'id' | 'snapshot'>) =>
  Number.parseInt(uuidFrom('limit', agent.id, limitOf(agent).at).slice(0, 8), 16) % SPREAD_MS

/** Returns the time at which the agent's turn may continue, in ms since 1970; Infinity if no reset is known. */
export function dueAt(agent: Limited): number {
  const reset = ms(resetOf(agent))
  const { since, outages } = limitOf(agent)
  // After an outage, the same agent tries again before the other agents.
  return Math.max(reset, Date.parse(since)) + GRACE_MS + (outages === undefined ? spreadMs(agent) : 0)
}

/**
 * Returns the latest time at which the model answered after a limit, in ms since 1970. Ignores times after
 * `now`, which occur if the clock was set back.
 */
export const worksSince = (agents: Limited[], now: number) =>
  Math.max(
    0,
    ...agents.map(({ snapshot }) => Date.parse(snapshot.limit?.lifted ?? '') || 0).filter((at) => at <= now),
  )

/**
 * Reports whether the outcome of an agent's first turn after a limit is still open.
 * @param id id of the prompt of this turn
 */
export function isUnderWay(agent: Agent, id: string, now: number): boolean {
  const { snapshot, inbox, hasEnded, returning } = agent
  if (isLimited(snapshot))
    return inbox.hasAccepted(id) && inbox.unsettledCount > 0 && (!hasEnded || returning)
  const { tried, lifted } = limitOf(agent)
  if (tried === undefined || lifted !== undefined || !isInTurn(snapshot.state)) return false
  return Math.abs(now - Date.parse(tried)) < ATTEMPT_MS
}

/**
 * Looks for turns of other agents after this agent's reset. Returns the reset that these turns have reported,
 * or the time of the next attempt after an outage; undefined if there were no such turns.
 */
export function postponedBy(agent: Limited, all: Limited[], now: number): Limited['limits']['postponed'] {
  const { until } = limitOf(agent)
  if (until === undefined || !isLimited(agent.snapshot)) return undefined
  const works = worksSince(all, now)
  const isLater = (time: string) => Date.parse(time) >= Math.max(ms(until), works)
  const later = all
    .filter((other) => other !== agent && isLimited(other.snapshot))
    .map(limitOf)
    .flatMap((limit) => {
      if (limit.again && isLater(limit.since)) return [limit.until]
      const retry = retryAt(limit)
      const isNew =
        limit.outage_at !== undefined && isLater(limit.outage_at) && Date.parse(limit.outage_at) <= now
      return retry !== undefined && isNew ? [new Date(retry).toISOString()] : []
    })
  if (later.length === 0) return undefined
  if (later.some((time) => time === undefined)) return {}
  return { until: new Date(Math.max(ms(until), ...later.map(ms))).toISOString() }
}

const ms = (time: string | undefined) => (time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time))
