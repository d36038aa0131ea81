import { type AnyEvent, Event } from '../protocol/index.ts'
import { check } from '../protocol/schema-check.ts'
import type { HubClient } from './hub-client.ts'
import { pause, untilAborted } from './until-aborted.ts'

/** Maximum time for an ended agent's last activity to reach the hub, in ms. */
const LAST_ACTIVITY_MS = 10_000
const POLL_MS = 100

/** Turns an event from a newer daemon or hub that this version does not know into an event `unknown`. */
export function eventOf(raw: AnyEvent): Event {
  const event = check(Event, raw)
  if (event.success) return event.data
  const { offset, index } = raw
  return { kind: 'unknown', offset, index, raw }
}

/** Waits until the hub has all activity of an ended agent, then yields the activity after `place`. */
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
    await pause(POLL_MS, signal)
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
    yield* events.map(eventOf)
    if (next === undefined) return
    after = next
  }
}

/** Returns an event's id. */
export const idOf = ({ offset, index }: Event) => `${offset}.${index}`
