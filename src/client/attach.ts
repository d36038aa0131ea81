import type { HubAgent } from '../protocol/index.ts'
import { type Followed, type FollowOptions, follow } from './follow.ts'
import { idOf, lastActivity } from './history.ts'
import type { HubClient } from './hub-client.ts'

export interface AttachOptions extends FollowOptions {
  /**
   * Reports whether an agent with this status has ended. After that, only the agent's last activity follows.
   */
  hasEnded(agent: HubAgent): boolean
}

/**
 * Yields the items of `follow` until a status reports that the agent has ended, and then the agent's
 * remaining activity. Ends at once when the agent is removed or `signal` aborts.
 */
export async function* attach(
  client: HubClient,
  agentId: string,
  { hasEnded, ...options }: AttachOptions,
): AsyncGenerator<Followed> {
  let place = options.after
  let ended = false
  for await (const item of follow(client, agentId, options)) {
    if (item.type === 'activity') place = idOf(item.event)
    yield item
    ended = item.type === 'status' && hasEnded(item.agent)
    if (ended) break
  }
  if (!ended) return
  for await (const event of lastActivity(client, agentId, place, options.signal))
    yield { type: 'activity', event }
}
