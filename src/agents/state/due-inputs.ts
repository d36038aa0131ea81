import type { Inbox } from '../disk/inbox.ts'
import type { Snapshot } from '../disk/records.ts'
import { refusedId, repliedId } from '../events/ids.ts'
import type { Reply } from '../runtimes/conversation.ts'

/** Maximum number of inputs that wait to be sent. Inputs wait only while the disk is full. */
export const DUE_KEPT = 64
/**
 * Maximum number of answers that an agent gets in one run. The id of each answer is recorded, so that the
 * answer is sent only once. Further requests of the agent get no answer.
 */
const MOST = 100_000

/**
 * Records the inputs to send in response to a line. `sendDue` sends these inputs later: if one of the next
 * lines withdraws a request, the request gets no answer.
 * @param place the agent, and the offset of the line, from which the ids of the inputs are derived
 */
export function noteDue(snapshot: Snapshot, inputs: Reply[], place: { agentId: string; offset: number }) {
  const { agentId, offset } = place
  const { run } = snapshot
  for (const [index, { id, ...input }] of inputs.entries()) {
    const derived =
      input.request_id === undefined
        ? repliedId(agentId, run, offset, index)
        : refusedId(agentId, run, input.request_id)
    snapshot.due = [...(snapshot.due ?? []).slice(1 - DUE_KEPT), { id: id ?? derived, ...input }]
  }
}

/** Removes the answer to a request that the agent has withdrawn. */
export function withdrawDue(snapshot: Snapshot, requestId: string) {
  snapshot.due = snapshot.due?.filter(({ request_id }) => request_id !== requestId)
}

/**
 * Sends the inputs that are due. Each is sent only once, even if the daemon restarts. On a full disk, the
 * remaining inputs wait for the next call.
 */
export function sendDue(snapshot: Snapshot, { run, inbox }: { run: { run: number }; inbox: Inbox }) {
  // The inputs are for an earlier run, which no longer waits for answers.
  if (!snapshot.due?.length || snapshot.run !== run.run) return
  try {
    let count = snapshot.refused?.run === run.run ? snapshot.refused.count : 0
    for (const { request_id: _, ...input } of snapshot.due) {
      if (count >= MOST) break
      inbox.put(input)
      snapshot.refused = { run: run.run, count: ++count }
    }
    snapshot.due = undefined
  } catch {
    // The next call skips inputs that were already sent.
  }
}
