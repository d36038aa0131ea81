import { type EventId, formatEventId } from '../../client/event-id.ts'
import { follow } from '../../client/follow.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { pause } from '../../client/until-aborted.ts'
import type { Event } from '../../protocol/events.ts'
import type { HubAgent } from '../../protocol/hub-objects.ts'

/** Interval between attempts after the hub refused a request, in milliseconds. */
export const RETRY_MS = { first: 1000, most: 30_000 }

/**
 * State of the connection to an agent's stream. The page is current only while it is `live`. `removed`: the hub no
 * longer has the agent.
 */
export type Connection =
  | { state: 'loading' | 'live' | 'removed' }
  | { state: 'lost'; problem: Error; since: number }

/** An agent: two machines may have agents with the same id. */
export interface AgentRef {
  machine_id: string
  agent_id: string
}

export type FeedHub = Pick<HubClient, 'means' | 'stream' | 'read'>

export interface FeedOptions {
  /** Place after which the stream begins; undefined for the beginning of the history. */
  after: EventId | undefined
  signal: AbortSignal
  onEvent(event: Event): void
  onStatus(agent: HubAgent): void
  onConnection(connection: Connection): void
}

/**
 * Follows an agent until it is removed or the signal aborts. Connects again after every failure, also after those
 * that `follow` does not expect, such as a hub with too many streams.
 */
export async function feed(hub: FeedHub, ref: AgentRef, options: FeedOptions): Promise<void> {
  const { signal, onEvent, onStatus, onConnection } = options
  const { agent_id, machine_id } = ref
  const followed: Pick<HubClient, 'stream' | 'read'> = {
    stream: (...all) => {
      hub.means(agent_id, machine_id)
      return hub.stream(...all)
    },
    read: (schema, text) => hub.read(schema, text),
  }
  let [wait, place] = [RETRY_MS.first, options.after]
  let connection: Connection = { state: 'loading' }
  const show = (next: Connection) => {
    if (next.state === 'live' && connection.state === 'live') return
    connection = next
    onConnection(next)
  }
  const onProblem = (problem: Error | undefined) => problem && show(afterFailure(problem, connection))
  for (;;) {
    const after = place && formatEventId(place)
    try {
      for await (const item of follow(followed, agent_id, { after, signal, connection: onProblem })) {
        if (signal.aborted) return
        wait = RETRY_MS.first
        show({ state: 'live' })
        if (item.type === 'status') onStatus(item.agent)
        else {
          place = item.event
          onEvent(item.event)
        }
      }
      if (!signal.aborted) show({ state: 'removed' })
      return
    } catch (error) {
      if (signal.aborted) return
      show(afterFailure(error as Error, connection))
      if (connection.state === 'removed') return
    }
    await pause(wait, signal)
    if (signal.aborted) return
    wait = Math.min(wait * 2, RETRY_MS.most)
  }
}

/** Returns the state of a connection after a failure. */
export function afterFailure(problem: Error, before: Connection): Connection {
  if ((problem as { code?: unknown }).code === 'agent_not_found') return { state: 'removed' }
  return { state: 'lost', problem, since: before.state === 'lost' ? before.since : Date.now() }
}
