import type { Event, PermissionRequest } from '../protocol/index.ts'
import { history, idOf } from './history.ts'
import type { HubClient } from './hub-client.ts'
import { isSame } from './same-request.ts'
import { pause } from './until-aborted.ts'

/**
 * Number of bytes at the end of the history that are searched first. Each further search covers `WIDER` times
 * as many bytes.
 */
const FIRST_BYTES = 1024 * 1024
const WIDER = 8
/** Maximum time, in ms, to wait for the event of a request after a status has reported the request. */
const ARRIVAL_MS = 10_000
const POLL_MS = 250

type Asked = Event & { kind: 'permission_request' }

/**
 * Returns a request with its input. A status omits a long input, but the history contains it.
 * @returns the request unchanged, without its input, if the event does not reach the hub in time
 */
export async function wholeRequest(
  client: Pick<HubClient, 'agent' | 'events'>,
  agentId: string,
  request: PermissionRequest,
  { arrivalMs = ARRIVAL_MS, signal }: { arrivalMs?: number; signal?: AbortSignal } = {},
): Promise<PermissionRequest> {
  if (!request.input_omitted) return request
  const deadline = Date.now() + arrivalMs
  let searched: string | undefined
  for (;;) {
    const { found, last } = await search(client, agentId, request, searched)
    searched = last ?? searched
    // Take the digest and the sub-agent from the status, because the event of an older daemon may lack them.
    if (found) return { ...found, digest: request.digest, subagent: request.subagent }
    if (signal?.aborted || Date.now() >= deadline) return request
    await pause(POLL_MS, signal)
  }
}

/**
 * Searches the history backward for a request's event, from the end of the history to the event `since`.
 * @returns the event, and the id of the last event
 */
async function search(
  client: Pick<HubClient, 'agent' | 'events'>,
  agentId: string,
  request: PermissionRequest,
  since: string | undefined,
) {
  const { offset, end } = await client.agent(agentId)
  // An event without a digest may belong to an earlier request with the same id. Accept it only if the hub
  // has all events.
  const isIt = (event: Asked) =>
    isSame(event, request) &&
    (event.digest === request.digest || request.digest === undefined || offset >= end)
  for (let bytes = FIRST_BYTES; ; bytes *= WIDER) {
    const from = since ?? (offset > bytes ? `${offset - bytes}.0` : undefined)
    let found: Asked | undefined
    let last: string | undefined
    for await (const event of history(client, agentId, from)) {
      last = idOf(event)
      if (event.kind === 'permission_request' && isIt(event)) found = event
    }
    if (found || from === since) return { found, last }
  }
}
