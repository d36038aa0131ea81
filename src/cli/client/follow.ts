import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { check } from '../../protocol/check.ts'
import { AnyEvent, Event, HubAgent } from '../../protocol/index.ts'
import type { HubClient } from './hub-client.ts'
import { untilAborted } from './until-aborted.ts'

/** Between tries to reach a hub that went away: it is usually being restarted. */
const RETRY_MS = { first: 250, most: 5000 }
/** How long the last activity of an agent that ended may take to reach the hub. */
const LAST_ACTIVITY_MS = 10_000
const POLL_MS = 100

export type Followed = { type: 'activity'; event: Event } | { type: 'status'; agent: HubAgent }

export interface FollowOptions {
  /** Id of the event to go on after; everything from the start without one. */
  after?: string | undefined
  signal: AbortSignal
  /** The hub went away (with why), or is back (without). */
  connection(problem: UserError | undefined): void
}

/** The id that all events recorded by now have at most. */
export const placeNow = (agent: HubAgent): string | undefined =>
  agent.offset === 0 ? undefined : `${agent.offset - 1}.999999999`

/**
 * What an agent does and how it is, from `after` on, each event once. Goes on when the hub was away; ends when the
 * agent is removed or `signal` aborts.
 */
export const follow = (
  client: HubClient,
  agentId: string,
  options: FollowOptions,
): AsyncGenerator<Followed> => untilAborted(followed(client, agentId, options), options.signal)

async function* followed(
  client: HubClient,
  agentId: string,
  { after, signal, connection }: FollowOptions,
): AsyncGenerator<Followed> {
  let place = after
  let reached = false
  let lost = false
  for (let wait = RETRY_MS.first; !signal.aborted; wait = Math.min(wait * 2, RETRY_MS.most)) {
    let problem: UserError | undefined
    try {
      for await (const { event, data, id } of client.stream(agentId, place, signal)) {
        if (lost) connection(undefined)
        reached = true
        lost = false
        wait = RETRY_MS.first
        if (event === 'activity') {
          place = id
          yield { type: 'activity', event: known(client.read(AnyEvent, data)) }
        } else if (event === 'status') yield { type: 'status', agent: client.read(HubAgent, data) }
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof UserError) {
        if (reached && error.code === 'agent_not_found') return
        if (!reached || error.code !== 'hub_unreachable') throw error
        problem = error
      } else throw error
    }
    if (signal.aborted) return
    if (!lost && problem) {
      lost = true
      connection(problem)
    }
    await sleep(wait, signal)
  }
}

/** A hub, or a daemon, newer than this program may know events that it does not. */
function known(raw: AnyEvent): Event {
  const event = check(Event, raw)
  if (event.success) return event.data
  const { offset, index } = raw
  return { kind: 'unknown', offset, index, raw }
}

/** What came after `place`, once all of the activity of an agent that has ended is with the hub. */
export const lastActivity = (
  client: HubClient,
  agentId: string,
  place: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Event> => untilAborted(settledActivity(client, agentId, place, signal), signal)

async function* settledActivity(
  client: HubClient,
  agentId: string,
  place: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Event> {
  const deadline = Date.now() + LAST_ACTIVITY_MS
  for (;;) {
    const { offset, end, connected } = await client.agent(agentId)
    if (offset >= end || !connected || Date.now() > deadline || signal.aborted) break
    await sleep(POLL_MS, signal)
  }
  yield* history(client, agentId, place)
}

/** All that the hub has of an agent's activity, after `place`. */
export async function* history(
  client: Pick<HubClient, 'events'>,
  agentId: string,
  place?: string,
): AsyncGenerator<Event> {
  for (let after = place; ; ) {
    const { events, next } = await client.events(agentId, after)
    yield* events.map(known)
    if (next === undefined) return
    after = next
  }
}

export const idOf = ({ offset, index }: Event) => `${offset}.${index}`
