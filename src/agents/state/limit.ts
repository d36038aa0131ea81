import { foreignTime } from '../../platform/clock.ts'
import type { Event } from '../../protocol/index.ts'
import { shorten } from '../../protocol/shorten.ts'
import type { Inbox } from '../disk/inbox.ts'
import type { LimitOrders } from '../disk/limit-orders.ts'
import type { RunRecord, Snapshot } from '../disk/records.ts'
import { promptId } from '../events/ids.ts'
import { hasEnded, isInTurn } from './lifecycle.ts'

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

const NAME_CHARS = 100
/** HTTP status with which the model's service rejects a request that exceeds a limit. */
const TOO_MANY = 429
/** Lowest HTTP status of a failure of the service itself. */
const SERVER_ERROR = 500
/** Times between an outage that has ended a continued turn and the next attempt, in ms. */
const RETRY_MS = [10, 30, 60].map((minutes) => minutes * 60_000)

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

/** Reports whether a usage limit has ended the agent's last turn, or an outage or a reboot has ended its continuation. */
export const isLimited = ({ limit }: Pick<Snapshot, 'limit'>) =>
  limit !== undefined && limit.tried === undefined

type Limit = NonNullable<Snapshot['limit']>

interface Limited {
  id: string
  inbox: Pick<Inbox, 'hasAccepted' | 'unsettledCount'>
  snapshot: Readonly<Pick<Snapshot, 'limit' | 'state'>>
  limits: LimitOrders
  run: RunRecord
  returning: boolean
}

/** Returns the time before which no other turn is tried because of an outage, in ms since 1970. */
export const retryAt = ({
  outages = 0,
  outage_at,
}: Pick<Limit, 'outages' | 'outage_at'>): number | undefined => {
  const delay = RETRY_MS[outages - 1]
  return outage_at === undefined || delay === undefined ? undefined : Date.parse(outage_at) + delay
}

/**
 * Returns the time at which the limit of an agent resets (ISO 8601), if it is known. After an outage, this is
 * the time of the next attempt.
 */
export function resetOf({ snapshot, limits }: Pick<Limited, 'snapshot' | 'limits'>): string | undefined {
  const until = (limits.postponed ?? snapshot.limit)?.until
  const retry = snapshot.limit && retryAt(snapshot.limit)
  if (until === undefined || retry === undefined) return until
  return new Date(Math.max(Date.parse(until), retry)).toISOString()
}

/** Returns the id of the command that continues the agent's turn. Each attempt has a different id. */
export const continueCommand = ({ at, outages = 0 }: Pick<Limit, 'at' | 'outages'>) =>
  outages === 0 ? `usage-limit-${at}` : `usage-limit-${at}-${outages}`

/** Returns the id of the prompt that continues the agent's turn. */
export const continueId = (id: string, limit: Pick<Limit, 'at' | 'outages'>) =>
  promptId(id, continueCommand(limit))

/** Reports whether an attempt to continue the turn is left, or has not begun yet. */
export function isLeft({ id, inbox }: Pick<Limited, 'id' | 'inbox'>, limit: Limit): boolean {
  const { at, outages = 0 } = limit
  if (inbox.hasAccepted(continueId(id, limit))) return inbox.unsettledCount > 0
  // If the outage has ended the turn of a person's prompt, the person decides what to do.
  return (
    outages === 0 ||
    (retryAt(limit) !== undefined && inbox.hasAccepted(continueId(id, { at, outages: outages - 1 })))
  )
}

/**
 * Reports whether the machine continues the agent's turn after the reset. If the agent has ended, it must be
 * started again for this turn.
 */
export function isWaiting(agent: Limited): boolean {
  const { snapshot, limits, run, returning } = agent
  if (!snapshot.limit || !isLimited(snapshot) || !limits.isWaitFor(snapshot.limit)) return false
  if (!isLeft(agent, snapshot.limit)) return false
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
    case 'process_exited':
      return (snapshot.stopping ?? event.reason) === 'rebooted' && noteOutage(snapshot, now)
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

/** Records that the limit is still in force: the last turn did not need the model, so it proves nothing. */
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
  if (!isAtLimit(event, rejected, now)) return isOutage(event) && noteOutage(snapshot, now)
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

/**
 * Reports whether a turn failed because the model's service failed, could not be reached, or was too busy. If
 * the service could not be reached, there is no status. If a turn exceeded a maximum that its agent has, such
 * as a budget, there is no status, either.
 */
function isOutage({ is_error, interrupted, outcome, api_error_status }: Of<'turn_result'>): boolean {
  if (!is_error || interrupted) return false
  if (api_error_status === undefined) return !outcome.startsWith('error_max_')
  const status = Number(api_error_status)
  return status >= SERVER_ERROR || status === TOO_MANY
}

/**
 * Records that the first turn after a limit must be repeated, because an outage of the service or a reboot of
 * the machine has ended it.
 */
export function noteOutage(snapshot: Snapshot, now: string): boolean {
  const { limit } = snapshot
  if (limit?.tried === undefined || limit.lifted !== undefined) return false
  snapshot.limit = { ...limit, tried: undefined, outages: (limit.outages ?? 0) + 1, outage_at: now }
  return true
}

/** Reports whether a reset was announced before, and has passed without effect. */
const isOver = (until: string, before: string | undefined, now: string) =>
  before !== undefined && Date.parse(until) <= Math.min(Date.parse(before), Date.parse(now))
