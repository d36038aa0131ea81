import { bareRequest } from '../../protocol/bare-request.ts'
import { type AgentStatus, Limits, type PermissionRequest } from '../../protocol/index.ts'
import type { Snapshot } from '../disk/records.ts'
import { weightOf } from './json-weight.ts'

/** Maximum total weight of an agent's pending requests: the weight of two lines of maximum length. */
const MOST = 2 * Limits.line_bytes

const weights = new WeakMap<PermissionRequest, number>()

/**
 * Returns a request's weight. The length of its JSON alone would be misleading, because an empty list takes
 * ten times as much memory as its JSON.
 */
function weighed(request: PermissionRequest): number {
  const weight = weights.get(request) ?? weightOf(request)
  weights.set(request, weight)
  return weight
}

/** Adds a pending request. If the limits are exceeded, only the number of further requests is recorded. */
export function ask(snapshot: Snapshot, request: PermissionRequest) {
  const others = snapshot.pending.filter(({ request_id }) => request_id !== request.request_id)
  keep(snapshot, [...others, request])
}

/** Applies the limits to requests that an earlier daemon has recorded. */
export const boundPending = (snapshot: Snapshot) => keep(snapshot, snapshot.pending)

function keep(snapshot: Snapshot, requests: PermissionRequest[]) {
  let room = MOST
  const kept = requests.slice(0, Limits.pending).filter((request) => {
    room -= weighed(request)
    return room >= 0
  })
  snapshot.pending = kept
  const omitted = requests.length - kept.length
  if (omitted > 0) snapshot.pending_omitted = (snapshot.pending_omitted ?? 0) + omitted
}

/** Removes all pending requests, since they can no longer be answered. */
export function clearPending(snapshot: Snapshot) {
  snapshot.pending = []
  snapshot.pending_omitted = undefined
}

/**
 * Returns the status with as much of `pending` as fits: first the requests without their inputs, then the
 * inputs. The number of omitted requests is in `pending_omitted`.
 * @param room maximum weight of `pending`
 */
export function fitPending(status: AgentStatus, room: number): AgentStatus {
  const { pending } = status
  if (pending.length === 0 || weightOf(pending) <= room) return status
  let left = room
  const shown: { request: PermissionRequest; least: number }[] = []
  for (const request of pending) {
    const least = weightOf(bareRequest(request)) + 1
    if (least > left) break
    left -= least
    shown.push({ request, least })
  }
  const fitting = shown.map(({ request, least }) => {
    const more = weightOf(request) - least
    if (more > left) return bareRequest(request)
    left -= Math.max(0, more)
    return request
  })
  const omitted = pending.length - fitting.length + (status.pending_omitted ?? 0)
  return { ...status, pending: fitting, ...(omitted > 0 && { pending_omitted: omitted }) }
}
