import type { AnyEvent } from '../protocol/any-event.ts'
import { Event } from '../protocol/events.ts'
import { check } from '../protocol/schema-check.ts'
import type { HubClient } from './hub-client.ts'
import { pause, untilAborted } from './until-aborted.ts'

/** Maximum time, in ms, to wait until the hub has the last activity of an agent that has ended. */
const LAST_ACTIVITY_MS = 10_000
const POLL_MS = 100

/**
 * Checks an event. Newer daemons and hubs may send kinds of events that this version does not know: such an
 * event becomes an `unknown` event.
 */
export function eventOf(raw: AnyEvent): Event {
  const event = check(Event, raw)
  if (event.success) return event.data
  const { offset, index } = raw
  return { kind: 'unknown', offset, index, raw }
}

/**
 * Waits until the hub has all activity of an agent that has ended, then yields the activity after `place`.
 */
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

/** Yields the stored activity of an agent after the event with id `place`. */
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
