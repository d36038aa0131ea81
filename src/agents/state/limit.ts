import { foreignTime } from '../../platform/clock.ts'
import type { Event } from '../../protocol/index.ts'
import { shorten } from '../../protocol/shorten.ts'
import type { LimitOrders } from '../disk/limit-orders.ts'
import type { RunRecord, Snapshot } from '../disk/records.ts'
import { hasEnded, isInTurn } from './lifecycle.ts'

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

const NAME_CHARS = 100
/** HTTP status with which the model's service rejects a request that exceeds a limit. */
const TOO_MANY = 429

/**
 * Kinds of events that occur only when the model answers. Texts are not among them, because a runtime also
 * writes texts itself, such as errors.
 */
const ANSWERS: Event['kind'][] = [
  'text_delta',
  'thinking_delta',
  'tool_use',
  'tool_result',
  'permission_request',
]

/** Reports whether a usage limit has ended the agent's last turn. */
export const isLimited = ({ limit }: Pick<Snapshot, 'limit'>) =>
  limit !== undefined && limit.tried === undefined

interface Limited {
  snapshot: Readonly<Pick<Snapshot, 'limit' | 'state'>>
  limits: LimitOrders
  run: RunRecord
  returning: boolean
}

/** Returns the time at which the limit of an agent resets (ISO 8601), if it is known. */
export const resetOf = ({ snapshot, limits }: Pick<Limited, 'snapshot' | 'limits'>) =>
  (limits.postponed ?? snapshot.limit)?.until

/**
 * Reports whether the machine continues the agent's turn after the reset. If the agent has ended, it must be
 * started again for this turn.
 */
export function isWaiting(agent: Limited): boolean {
  const { snapshot, limits, run, returning } = agent
  if (!snapshot.limit || !isLimited(snapshot) || !limits.isWaitFor(snapshot.limit)) return false
  return resetOf(agent) !== undefined && (!hasEnded(snapshot.state) || run.resting === true || returning)
}

/** Follows the usage limit of the agent's account. @returns whether the agent's status has changed */
export function followLimit(snapshot: Snapshot, event: Event, now: string): boolean {
  switch (event.kind) {
    case 'process_started':
      // Forget the limit, because the new process will report it again.
      snapshot.rejected = undefined
      return false
    case 'rate_limit':
      snapshot.rejected = rejectionOf(event)
      if (event.status !== 'rejected') lift(snapshot, now)
      return false
    case 'state':
      return event.state !== 'idle' && begin(snapshot, now)
    case 'session':
      return event.model !== undefined && begin(snapshot, now)
    case 'turn_result':
      return end(snapshot, event, now)
    default:
      if (ANSWERS.includes(event.kind)) lift(snapshot, now)
      return false
  }
}

function rejectionOf({ status, limit, resets_at }: Of<'rate_limit'>): Snapshot['rejected'] {
  if (status !== 'rejected') return undefined
  const until = resets_at === undefined ? undefined : foreignTime(resets_at * 1000)
  return {
    ...(limit !== undefined && { limit: shorten(limit, NAME_CHARS) }),
    ...(until !== undefined && { until }),
  }
}

function begin(snapshot: Snapshot, now: string): boolean {
  if (!snapshot.limit || !isLimited(snapshot)) return false
  snapshot.limit = { ...snapshot.limit, tried: now }
  return true
}

function lift(snapshot: Snapshot, now: string) {
  const { limit } = snapshot
  if (limit?.tried !== undefined && limit.lifted === undefined) snapshot.limit = { ...limit, lifted: now }
}

/** Records that the limit still stops the agent, because its last turn did not need the model. */
function resume(snapshot: Snapshot): boolean {
  const { limit } = snapshot
  if (limit?.tried === undefined || limit.lifted !== undefined) return false
  snapshot.limit = { ...limit, tried: undefined }
  return true
}

/** Reports whether the runtime itself carried out a prompt, such as `/cost`, without a request to the model. */
const isLocal = (event: Of<'turn_result'>) => !event.is_error && event.num_turns === 0

function end(snapshot: Snapshot, event: Of<'turn_result'>, now: string): boolean {
  const { state, ready, limit: before, rejected } = snapshot
  if (event.parent_tool_use_id !== undefined || hasEnded(state) || (!ready && !isInTurn(state))) return false
  if (isLocal(event)) return resume(snapshot)
  if (!event.is_error) {
    lift(snapshot, now)
    snapshot.rejected = undefined
  }
  if (!isAtLimit(event, rejected, now)) return false
  const again = before?.tried !== undefined && before.lifted === undefined
  const until = rejected?.until
  snapshot.limit = {
    at: event.offset,
    since: now,
    ...(until !== undefined && !(again && isOver(until, before.until, now)) && { until }),
    ...(again && { again }),
  }
  return true
}

/**
 * Reports whether the account's limit ended a turn. An overloaded service can also end a turn, and so can the
 * limits of an API key. The reports about such turns do not name a limit. Earlier versions of a runtime may
 * not say why they ended a turn.
 */
function isAtLimit(event: Of<'turn_result'>, rejected: Snapshot['rejected'], now: string): boolean {
  if (!event.is_error || event.usage_limit === true) return event.is_error
  // A report about an earlier limit says nothing about this turn.
  const isOld = rejected?.until !== undefined && Date.parse(rejected.until) < Date.parse(now)
  return event.api_error_status === TOO_MANY && rejected?.limit !== undefined && !isOld
}

/** Reports whether a reset was announced earlier, but had no effect at that time. */
const isOver = (until: string, before: string | undefined, now: string) =>
  before !== undefined && Date.parse(until) <= Math.min(Date.parse(before), Date.parse(now))
