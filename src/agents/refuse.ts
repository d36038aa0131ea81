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
 * Refuses the agent's unknown requests, each only once even across daemons. On a full disk the remaining ones wait for
 * the next call.
 */
export function refuseUnknown(snapshot: Snapshot, { id, inbox, runtime }: Refusing): void {
  try {
    for (const requestId of snapshot.unknown_requests ?? [])
      inbox.put(runtime.refuseRequest(refusedId(id, snapshot.run, requestId), requestId))
    snapshot.unknown_requests = undefined
  } catch {
    // The next call skips requests that are already refused.
  }
}
