import type { PermissionRequest } from '../protocol/index.ts'
import type { Snapshot } from './records.ts'

/** Requests of a run that are compared with later ones. */
const ASKED_KEPT = 64

/** Remembers a request, and whether its id was that of a different one: such an id does not say what was answered. */
export function noteAsked(snapshot: Snapshot, { request_id, digest }: PermissionRequest): void {
  const others = (snapshot.asked ?? []).filter((one) => one.request_id !== request_id)
  // What is pending may have been kept by an earlier daemon, or have been asked before the last ones.
  const before = [...(snapshot.asked ?? []), ...snapshot.pending].find((one) => one.request_id === request_id)
  if (before && before.digest !== digest) snapshot.ids_reused = true
  snapshot.asked = [...others.slice(1 - ASKED_KEPT), { request_id, digest }]
}
