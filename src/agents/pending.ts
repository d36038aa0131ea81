import { bare } from '../protocol/bare-request.ts'
import { type AgentStatus, Limits, type PermissionRequest } from '../protocol/index.ts'
import type { Snapshot } from './records.ts'
import { weightOf } from './weight.ts'

/** What the requests of an agent that wait for an answer may be in all, in characters of JSON: two of the longest. */
const MOST_CHARS = 2 * Limits.line_bytes

const lengths = new WeakMap<PermissionRequest, number>()

function lengthOf(request: PermissionRequest): number {
  const length = lengths.get(request) ?? JSON.stringify(request).length
  lengths.set(request, length)
  return length
}

/** Notes that an agent asks. Of one that asks without end only a number is kept of what comes last. */
export function ask(snapshot: Snapshot, request: PermissionRequest) {
  const others = snapshot.pending.filter(({ request_id }) => request_id !== request.request_id)
  keep(snapshot, [...others, request])
}

/** Bounds what an earlier daemon has kept. */
export const boundPending = (snapshot: Snapshot) => keep(snapshot, snapshot.pending)

function keep(snapshot: Snapshot, requests: PermissionRequest[]) {
  let room = MOST_CHARS
  const kept = requests.slice(0, Limits.pending).filter((request) => {
    room -= lengthOf(request)
    return room >= 0
  })
  snapshot.pending = kept
  const omitted = requests.length - kept.length
  if (omitted > 0) snapshot.pending_omitted = (snapshot.pending_omitted ?? 0) + omitted
}

/** Nothing that the agent has asked for can be answered any more. */
export function clearPending(snapshot: Snapshot) {
  snapshot.pending = []
  snapshot.pending_omitted = undefined
}

/**
 * The status with as much of `pending` as there is room for: each request without its input as long as there is, then
 * inputs. What is left out is counted.
 * @param room for `pending`, as weight
 */
export function fitPending(status: AgentStatus, room: number): AgentStatus {
  const { pending } = status
  if (pending.length === 0 || weightOf(pending) <= room) return status
  let left = room
  const shown: { request: PermissionRequest; least: number }[] = []
  for (const request of pending) {
    const least = weightOf(bare(request)) + 1
    if (least > left) break
    left -= least
    shown.push({ request, least })
  }
  const fitting = shown.map(({ request, least }) => {
    const more = weightOf(request) - least
    if (more > left) return bare(request)
    left -= Math.max(0, more)
    return request
  })
  const omitted = pending.length - fitting.length + (status.pending_omitted ?? 0)
  return { ...status, pending: fitting, ...(omitted > 0 && { pending_omitted: omitted }) }
}
