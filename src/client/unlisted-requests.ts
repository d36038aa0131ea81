import { type HubAgent, Limits, type PermissionRequest } from '../protocol/index.ts'
import { history } from './history.ts'
import type { HubClient } from './hub-client.ts'
import { pause } from './until-aborted.ts'

type Hub = Pick<HubClient, 'agent' | 'events'>

/** Part of a history that is searched, from its end, in bytes of the agent's journal. */
const SEARCHED_BYTES = 8 * 1024 * 1024
/** Maximum time, in ms, to wait for the activity that a status already counts. */
const ARRIVAL_MS = 10_000
const POLL_MS = 250

/**
 * Returns an agent with the requests that its status leaves out, as far as the end of its history contains them:
 * at most as many as a status may have. `pending_omitted` is the number of requests that were not found. A request
 * that was answered a moment ago may be among the requests: the history does not contain answers.
 */
export async function withUnlisted(
  client: Hub,
  shown: HubAgent,
  { arrivalMs = ARRIVAL_MS, signal }: { arrivalMs?: number; signal?: AbortSignal } = {},
): Promise<HubAgent> {
  if (!shown.pending_omitted) return shown
  const agent = await arrived(client, shown, arrivalMs, signal)
  const { agent_id, offset, end, pending, pending_omitted = 0, ...rest } = agent
  if (pending_omitted === 0) return agent
  const from = offset > SEARCHED_BYTES ? `${offset - SEARCHED_BYTES}.0` : undefined
  const open = await openRequests(client, agent_id, from)
  for (const { request_id } of pending) open.delete(request_id)
  const found = [...open.values()]
    .slice(-pending_omitted)
    // The hub may lack a newer request with the same id. Only a digest tells an agent which one is answered.
    .filter(({ digest }) => digest !== undefined || offset >= end)
    .slice(0, Math.max(0, Limits.pending - pending.length))
  const left = pending_omitted - found.length
  return {
    ...rest,
    agent_id,
    offset,
    end,
    pending: [...pending, ...found],
    ...(left > 0 && { pending_omitted: left }),
  }
}

/** Returns the agent once the hub has the activity up to its status. A machine sends a status before the activity. */
async function arrived(
  client: Hub,
  shown: HubAgent,
  arrivalMs: number,
  signal?: AbortSignal,
): Promise<HubAgent> {
  const deadline = Date.now() + arrivalMs
  let agent = shown
  while (agent.offset < shown.end && agent.connected && Date.now() < deadline && !signal?.aborted) {
    await pause(POLL_MS, signal)
    agent = await client.agent(shown.agent_id)
  }
  return agent
}

/** Returns the requests that are open at the end of a history, by their ids. Follows the same rules as a daemon. */
async function openRequests(client: Hub, agentId: string, from: string | undefined) {
  const open = new Map<string, PermissionRequest>()
  /** Ids of requests, by the tool uses for which they ask. */
  const asking = new Map<string, string[]>()
  for await (const event of history(client, agentId, from))
    if (event.kind === 'permission_request') {
      const { kind, offset, index, time, ...request } = event
      const { request_id, tool_use_id } = request
      open.delete(request_id)
      open.set(request_id, request)
      if (tool_use_id === undefined) continue
      const ids = asking.get(tool_use_id)
      if (ids) ids.push(request_id)
      else asking.set(tool_use_id, [request_id])
    } else if (event.kind === 'permission_withdrawn') open.delete(event.request_id)
    else if (event.kind === 'tool_result') {
      for (const id of asking.get(event.tool_use_id) ?? [])
        if (open.get(id)?.tool_use_id === event.tool_use_id) open.delete(id)
      asking.delete(event.tool_use_id)
    } else if (
      event.kind === 'process_started' ||
      event.kind === 'process_exited' ||
      (event.kind === 'state' && event.state === 'idle')
    ) {
      open.clear()
      asking.clear()
    }
  return open
}
