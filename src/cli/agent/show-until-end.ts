import { attach } from '../../client/attach.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { Event, HubAgent } from '../../protocol/index.ts'
import { markdownLexing } from './markdown-lexing.ts'
import { View } from './view.ts'

export interface ShowOptions {
  /** Only events after the event with this id are shown. Default: all events. */
  after?: string | undefined
  json?: boolean | undefined
  /** Returns a sentence about the end of an agent with this status, or undefined while the agent lives. */
  endingOf(agent: HubAgent): string | undefined
  /** Called with each event after it is shown. @returns true to end at once */
  onEvent?(event: Event): boolean
}

/**
 * Shows an agent's activity, and asks the user to answer its requests. Returns when the agent ends or is
 * removed, when `onEvent` returns true, or at Ctrl-C.
 */
export async function showUntilEnd(
  client: HubClient,
  agentId: string,
  { after, json, endingOf, onEvent = () => false }: ShowOptions,
): Promise<{ ending: string; interrupted: boolean }> {
  const lexing = json ? undefined : await markdownLexing()
  const over = new AbortController()
  const { signal } = over
  const interrupt = () => over.abort()
  process.once('SIGINT', interrupt)
  const view = new View(client, agentId, { json, lexing, over })
  const connection = view.connection.bind(view)
  const hasEnded = (agent: HubAgent) => endingOf(agent) !== undefined
  let ending: string | undefined
  try {
    for await (const item of attach(client, agentId, { after, signal, connection, hasEnded })) {
      if (item.type === 'status') {
        view.status(item.agent)
        ending = endingOf(item.agent)
      } else {
        view.activity(item.event)
        // If the agent has ended, show its last events, too: they are few.
        if (onEvent(item.event) && ending === undefined) break
      }
    }
  } finally {
    process.off('SIGINT', interrupt)
    await view.close()
  }
  return { ending: ending ?? 'The agent was removed.', interrupted: signal.aborted }
}
