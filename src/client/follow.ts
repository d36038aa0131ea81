import { AnyEvent } from '../protocol/any-event.ts'
import type { Event } from '../protocol/events.ts'
import { HubAgent } from '../protocol/hub-objects.ts'
import { eventOf } from './history.ts'
import type { HubClient } from './hub-client.ts'
import { type ReconnectOptions, reconnecting } from './reconnecting.ts'
import { untilAborted } from './until-aborted.ts'

export type Followed = { type: 'activity'; event: Event } | { type: 'status'; agent: HubAgent }

type FollowedHub = Pick<HubClient, 'stream' | 'read'>

export interface FollowOptions extends Pick<ReconnectOptions, 'signal' | 'connection'> {
  /** Id of the last event that the caller already has. By default, the first event is yielded, too. */
  after?: string | undefined
}

/**
 * Yields an agent's status changes, and the events that follow the event `after`, without repeating an event.
 * Reconnects when the connection to the hub is lost. Ends when the agent is removed or `signal` aborts.
 */
export const follow = (
  client: FollowedHub,
  agentId: string,
  options: FollowOptions,
): AsyncGenerator<Followed> => untilAborted(followed(client, agentId, options), options.signal)

async function* followed(
  client: FollowedHub,
  agentId: string,
  { after, signal, connection }: FollowOptions,
): AsyncGenerator<Followed> {
  let place = after
  const messages = reconnecting((arrived) => client.stream(agentId, place, signal, arrived), {
    signal,
    connection,
    ends: ['agent_not_found'],
  })
  for await (const { event, data, id } of messages)
    if (event === 'activity') {
      place = id
      yield { type: 'activity', event: eventOf(client.read(AnyEvent, data)) }
    } else if (event === 'status') yield { type: 'status', agent: client.read(HubAgent, data) }
}
