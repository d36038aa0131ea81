import { refusedId } from './ids.ts'
import type { Inbox } from './inbox.ts'
import type { Snapshot } from './records.ts'
import type { Runtime } from './runtimes/runtime.ts'

interface Refusing {
  id: string
  inbox: Inbox
  runtime: Runtime
}

/**
 * Refuses what an agent asked for and this daemon does not know, each request once, whichever daemon does it. On a full
 * disk the rest is left for the next time.
 */
export function refuseUnknown(snapshot: Snapshot, { id, inbox, runtime }: Refusing): void {
  try {
    for (const requestId of snapshot.unknown_requests ?? [])
      inbox.put(runtime.refuseRequest(refusedId(id, requestId), requestId))
    snapshot.unknown_requests = undefined
  } catch {
    // What was put is not put again.
  }
}
