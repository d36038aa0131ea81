import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { AnyEvent, Event, HubAgent } from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import type { HubClient } from './hub-client.ts'
import { untilAborted } from './until-aborted.ts'

/** Interval between attempts to reconnect, in ms. A lost hub is usually restarting. */
const RETRY_MS = { first: 250, most: 5000 }
/** Maximum time for an ended agent's last activity to reach the hub, in ms. */
const LAST_ACTIVITY_MS = 10_000
const POLL_MS = 100

export type Followed = { type: 'activity'; event: Event } | { type: 'status'; agent: HubAgent }

export interface FollowOptions {
  /** Id of the event to continue after. Default: from the start. */
  after?: string | undefined
  signal: AbortSignal
  /** Called with the problem when the connection to the hub is lost, and without one when it is back. */
  connection(problem: UserError | undefined): void
}

/** Returns an event id that no event recorded so far exceeds. */
export const placeNow = (agent: HubAgent): string | undefined =>
  agent.offset === 0 ? undefined : `${agent.offset - 1}.999999999`

/**
 * Yields an agent's activity and status changes after `after`, each event once. Reconnects when the hub is
 * lost. Ends when the agent is removed or `signal` aborts.
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

/** Turns an event that a newer daemon or hub sends, and this version does not know, into `unknown`. */
function known(raw: AnyEvent): Event {
  const event = check(Event, raw)
  if (event.success) return event.data
  const { offset, index } = raw
  return { kind: 'unknown', offset, index, raw }
}

/** Yields the activity after `place`, once the hub has all activity of an ended agent. */
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

/** Yields the activity of an agent that the hub has stored, after `place`. */
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
