import { follow } from '../../client/follow.ts'
import { idOf, lastActivity } from '../../client/history.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { Event, HubAgent } from '../../protocol/index.ts'
import { View } from './view.ts'

export interface AttachOptions {
  /** Id of the last event that is not shown. Default: all are. */
  after?: string | undefined
  json?: boolean | undefined
  /** Returns a sentence about the end of an agent with this status, whose last activity is then shown; undefined while it lives. */
  endingOf(agent: HubAgent): string | undefined
  /** Called with each event after it is shown. @returns true to end at once */
  onEvent?(event: Event): boolean
}

/**
 * Shows an agent's activity, and asks the user to answer its requests, until the agent ends or is removed, an
 * event ends it, or Ctrl-C.
 */
export async function attach(
  client: HubClient,
  agentId: string,
  { after, json, endingOf, onEvent = () => false }: AttachOptions,
): Promise<{ ending: string; interrupted: boolean }> {
  const over = new AbortController()
  const { signal } = over
  const interrupt = () => over.abort()
  process.once('SIGINT', interrupt)
  const view = new View(client, agentId, { json, over })
  let place = after
  const isLast = (event: Event) => {
    place = idOf(event)
    view.activity(event)
    return onEvent(event)
  }
  let ending: string | undefined
  try {
    const connection = view.connection.bind(view)
    for await (const item of follow(client, agentId, { after, signal, connection })) {
      if (item.type === 'activity') {
        if (isLast(item.event)) break
        continue
      }
      view.status(item.agent)
      ending = endingOf(item.agent)
      if (ending !== undefined) break
    }
    if (ending !== undefined)
      for await (const event of lastActivity(client, agentId, place, signal)) isLast(event)
  } finally {
    process.off('SIGINT', interrupt)
    await view.close()
  }
  return { ending: ending ?? 'The agent was removed.', interrupted: signal.aborted }
}
