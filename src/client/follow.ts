import { AnyEvent, type Event, HubAgent } from '../protocol/index.ts'
import { eventOf } from './history.ts'
import type { HubClient } from './hub-client.ts'
import { pause, untilAborted } from './until-aborted.ts'

/**
 * Interval between attempts to reconnect, in ms. The first interval is short, because the usual cause is a
 * restart of the hub.
 */
const RETRY_MS = { first: 250, most: 5000 }

export type Followed = { type: 'activity'; event: Event } | { type: 'status'; agent: HubAgent }

export interface FollowOptions {
  /** Id of the last event that the caller already has. By default, the first event is yielded, too. */
  after?: string | undefined
  signal: AbortSignal
  /**
   * Called with the problem when the connection to the hub is lost, and with `undefined` when it is restored.
   */
  connection(problem: Error | undefined): void
}

/**
 * Yields an agent's status changes, and the events that follow the event `after`, without repeating an event.
 * Reconnects when the connection to the hub is lost. Ends when the agent is removed or `signal` aborts.
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
    let problem: Error | undefined
    try {
      for await (const { event, data, id } of client.stream(agentId, place, signal)) {
        if (lost) connection(undefined)
        reached = true
        lost = false
        wait = RETRY_MS.first
        if (event === 'activity') {
          place = id
          yield { type: 'activity', event: eventOf(client.read(AnyEvent, data)) }
        } else if (event === 'status') yield { type: 'status', agent: client.read(HubAgent, data) }
      }
    } catch (error) {
      if (signal.aborted) return
      const code = codeOf(error)
      if (reached && code === 'agent_not_found') return
      if (!reached || code !== 'hub_unreachable') throw error
      problem = error as Error
    }
    if (signal.aborted) return
    if (!lost && problem) {
      lost = true
      connection(problem)
    }
    await pause(wait, signal)
  }
}

/** Returns the code of a HubFailure, or of the error that `errorFor` returned for it. */
const codeOf = (error: unknown) =>
  error instanceof Error ? (error as Error & { code?: unknown }).code : undefined
