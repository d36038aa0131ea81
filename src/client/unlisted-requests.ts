import type { HubAgent, PermissionRequest } from '../protocol/index.ts'
import { history } from './history.ts'
import type { HubClient } from './hub-client.ts'

/** Part of a history that is searched, from its end, in bytes of the agent's journal. */
const SEARCHED_BYTES = 8 * 1024 * 1024

/**
 * Returns an agent with the requests that its status leaves out, as far as the end of its history contains them.
 * `pending_omitted` is the number of requests that were not found. A request that was answered a moment ago may
 * be among the requests: the history does not contain answers.
 */
export async function withUnlisted(client: Pick<HubClient, 'events'>, agent: HubAgent): Promise<HubAgent> {
  const { agent_id, offset, pending, pending_omitted = 0 } = agent
  if (pending_omitted === 0) return agent
  const from = offset > SEARCHED_BYTES ? `${offset - SEARCHED_BYTES}.0` : undefined
  const open = await openRequests(client, agent_id, from)
  for (const { request_id } of pending) open.delete(request_id)
  const found = [...open.values()].slice(-pending_omitted)
  const { pending_omitted: _, ...rest } = agent
  const left = pending_omitted - found.length
  return { ...rest, pending: [...pending, ...found], ...(left > 0 && { pending_omitted: left }) }
}

/** Returns the requests that are open at the end of a history, by their ids. Follows the same rules as a daemon. */
async function openRequests(client: Pick<HubClient, 'events'>, agentId: string, from: string | undefined) {
  const open = new Map<string, PermissionRequest>()
  for await (const event of history(client, agentId, from))
    if (event.kind === 'permission_request') {
      const { kind, offset, index, time, ...request } = event
      open.delete(request.request_id)
      open.set(request.request_id, request)
    } else if (event.kind === 'permission_withdrawn') open.delete(event.request_id)
    else if (event.kind === 'tool_result') {
      for (const { request_id, tool_use_id } of open.values())
        if (tool_use_id !== undefined && tool_use_id === event.tool_use_id) open.delete(request_id)
    } else if (
      event.kind === 'process_started' ||
      event.kind === 'process_exited' ||
      (event.kind === 'state' && event.state === 'idle')
    )
      open.clear()
  return open
}
