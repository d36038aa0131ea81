import type { PermissionRequest } from '../../protocol/index.ts'
import type { Snapshot } from '../disk/records.ts'

/** Number of recent requests in a run that a new request is compared with. */
const ASKED_KEPT = 64

/**
 * Records a request, and whether another request had the same id. If two requests have the same id, the id
 * alone does not identify the request that a person answers.
 */
export function noteAsked(snapshot: Snapshot, { request_id, digest }: PermissionRequest): void {
  const others = (snapshot.asked ?? []).filter((one) => one.request_id !== request_id)
  // Compare pending requests, too: `asked` contains only the last `ASKED_KEPT` requests, and none that an
  // older daemon recorded.
  const before = [...(snapshot.asked ?? []), ...snapshot.pending].find((one) => one.request_id === request_id)
  if (before && before.digest !== digest) snapshot.ids_reused = true
  snapshot.asked = [...others.slice(1 - ASKED_KEPT), { request_id, digest }]
}
