import type { Inbox } from '../disk/inbox.ts'
import type { Snapshot } from '../disk/records.ts'
import { refusedId } from '../events/ids.ts'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'

/**
 * Maximum number of refusals in a run: each is remembered, so that it is given once. An agent that asks for more
 * waits in vain.
 */
const MOST = 100_000

interface Refusing {
  id: string
  run: { run: number }
  inbox: Inbox
  runtime: RuntimeAdapter
}

/**
 * Refuses the agent's unknown requests, each only once even across daemons. On a full disk the remaining ones wait for
 * the next call.
 */
export function refuseUnknown(snapshot: Snapshot, { id, run: { run }, inbox, runtime }: Refusing): void {
  try {
    let count = snapshot.refused?.run === run ? snapshot.refused.count : 0
    for (const requestId of snapshot.unknown_requests ?? []) {
      if (count >= MOST) break
      inbox.put(runtime.refuseRequest(refusedId(id, run, requestId), requestId))
      snapshot.refused = { run, count: ++count }
    }
    snapshot.unknown_requests = undefined
  } catch {
    // The next call skips requests that are already refused.
  }
}
