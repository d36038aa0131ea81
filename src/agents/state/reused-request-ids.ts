import type { PermissionRequest } from '../../protocol/index.ts'
import type { Snapshot } from '../disk/records.ts'

/** Number of a run's requests that are compared with later ones. */
const ASKED_KEPT = 64

/**
 * Remembers a request, and whether another request had the same id: such an id does not identify an answered request.
 */
export function noteAsked(snapshot: Snapshot, { request_id, digest }: PermissionRequest): void {
  const others = (snapshot.asked ?? []).filter((one) => one.request_id !== request_id)
  // A pending request may be from an earlier daemon, or older than the last `ASKED_KEPT` requests.
  const before = [...(snapshot.asked ?? []), ...snapshot.pending].find((one) => one.request_id === request_id)
  if (before && before.digest !== digest) snapshot.ids_reused = true
  snapshot.asked = [...others.slice(1 - ASKED_KEPT), { request_id, digest }]
}
