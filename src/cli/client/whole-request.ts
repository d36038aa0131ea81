import { sleep } from '../../platform/clock.ts'
import type { Event, PermissionRequest } from '../../protocol/index.ts'
import { history, idOf } from './follow.ts'
import type { HubClient } from './hub-client.ts'
import { isSame } from './same-request.ts'

/** Part of the history, from its end, that is searched first. Each further search is `WIDER` times as far. */
const FIRST_BYTES = 1024 * 1024
const WIDER = 8
/** Time for an event to reach the hub behind the status that tells of it. */
const ARRIVAL_MS = 10_000
const POLL_MS = 250

type Asked = Event & { kind: 'permission_request' }

/**
 * Returns a request with its input. A status leaves out an input that is long; the history has it.
 * @returns the request as it is, without its input, where the hub does not have the event in time
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
    // The answer names what the status does: a daemon may have read the event before it knew of digests.
    if (found) return { ...found, digest: request.digest, subagent: request.subagent }
    if (signal?.aborted || Date.now() >= deadline) return request
    await sleep(POLL_MS, signal)
  }
}

/** Looks for a request's event, from the end of the history back to `since`. @returns it, and the last event's place */
async function search(
  client: Pick<HubClient, 'agent' | 'events'>,
  agentId: string,
  request: PermissionRequest,
  since: string | undefined,
) {
  const { offset, end } = await client.agent(agentId)
  // An event without a digest may be an earlier request's under the same id, unless nothing is on its way behind it.
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
