import type { AgentState, Event, Exit, PermissionRequest } from '../../protocol/index.ts'
import { cut } from '../../protocol/shorten.ts'
import type { Snapshot } from '../disk/records.ts'
import { backgroundTasks } from './background.ts'
import { costAfter, settleCosts } from './costs.ts'
import { withdrawDue } from './due-inputs.ts'
import { hasEnded, isInTurn, type Stimulus, step } from './lifecycle.ts'
import { followLimit } from './limit.ts'
import { ask, clearPending } from './pending.ts'
import {
  hookSeen,
  retryOver,
  retrySeen,
  serversSeen,
  startRefusal,
  turnFailure,
  turnFailureOf,
} from './problems.ts'
import { keepReply } from './replies.ts'
import { noteAsked } from './reused-request-ids.ts'

const SUBAGENTS_KEPT = 64
const DESCRIPTION_CHARS = 200

export const emptySnapshot = (since: string): Snapshot => ({
  offset: 0,
  state: 'starting',
  since,
  run: 0,
  ready: false,
  pending: [],
  replies: [],
})

/** Changes the state of a snapshot as `stimulus` requires. @returns whether the state changed */
export function move(snapshot: Snapshot, stimulus: Stimulus, now: string): boolean {
  const state = step(snapshot.state, stimulus)
  if (state === snapshot.state) return false
  snapshot.turn = turnAfter(snapshot, state, now)
  snapshot.state = state
  snapshot.since = now
  return true
}

/** Returns the agent's current turn after its state has changed to `next`. */
function turnAfter({ state, turn }: Snapshot, next: AgentState, now: string): Snapshot['turn'] {
  if (!isInTurn(next)) return undefined
  return isInTurn(state) ? turn : { since: now, worked_ms: 0 }
}

/** Removes an answered permission request. The agent continues when no other request is pending. */
export function onAnswered(snapshot: Snapshot, requestId: string, now: string): boolean {
  const pending = snapshot.pending.filter((request) => request.request_id !== requestId)
  if (pending.length === snapshot.pending.length) return false
  snapshot.pending = pending
  if (pending.length === 0 && snapshot.pending_omitted === undefined) move(snapshot, 'running', now)
  return true
}

function exitOf(
  code: number | undefined,
  signal: string | undefined,
  cause: Exit['reason'] | undefined,
): Exit {
  const reason =
    cause ?? (code === undefined ? 'lost' : code === 0 ? 'finished' : signal ? 'killed' : 'crashed')
  return { reason, ...(code !== undefined && { code }), ...(signal && { signal }) }
}

/** Updates the snapshot with an event of the journal. @returns whether the agent's status has changed */
export function reduce(
  snapshot: Snapshot,
  event: Event,
  initializeId: string | undefined,
  now: string,
): boolean {
  const recovered = retryOver(snapshot, event)
  const isBegun = followLimit(snapshot, event, now)
  return takeIn(snapshot, event, initializeId, now) || recovered || isBegun
}

function takeIn(snapshot: Snapshot, event: Event, initializeId: string | undefined, now: string): boolean {
  switch (event.kind) {
    case 'process_started':
      return onStarted(snapshot, event, now)
    case 'process_exited':
      return onExited(snapshot, event, now)
    case 'session': {
      const begins = event.model !== undefined
      // The turn of a queued prompt begins without another `running` state.
      const recovered = begins && snapshot.turn_failed !== undefined
      if (recovered) snapshot.turn_failed = undefined
      const other = serversSeen(snapshot, event)
      return (
        assign(snapshot, {
          // An event without a model reports only a changed mode. Such an event may come before the first
          // turn, when the session cannot be resumed yet.
          session_id: begins ? event.session_id : undefined,
          model: event.model,
          permission_mode: event.permission_mode,
          runtime_version: event.runtime_version,
        }) ||
        other ||
        recovered
      )
    }
    case 'retry':
      return retrySeen(snapshot, event, now)
    case 'hook':
      return hookSeen(snapshot, event, now)
    case 'prompt_rejected':
      snapshot.turn_failed = turnFailure('prompt_rejected', event.reason)
      return true
    case 'state':
      if (event.state === 'idle') {
        clearPending(snapshot)
        snapshot.hooks = undefined
      } else {
        snapshot.turn_interrupted = undefined
        if (!isInTurn(snapshot.state)) snapshot.turn_failed = undefined
      }
      return move(snapshot, event.state, now)
    case 'permission_request':
      // After the agent's end, a leftover process may still write a request, but none would read an answer.
      if (hasEnded(snapshot.state)) return false
      noteAsked(snapshot, event)
      ask(snapshot, requestOf(event, snapshot))
      move(snapshot, 'waiting', now)
      return true
    case 'permission_withdrawn':
      withdrawDue(snapshot, event.request_id)
      return onAnswered(snapshot, event.request_id, now)
    case 'tool_result': {
      const request = snapshot.pending.find(({ tool_use_id }) => tool_use_id === event.tool_use_id)
      return request ? onAnswered(snapshot, request.request_id, now) : false
    }
    case 'background_tasks':
      snapshot.background_tasks = hasEnded(snapshot.state) ? undefined : backgroundTasks(event.tasks)
      return true
    case 'task':
      return task(snapshot, event)
    case 'reply':
      return reply(snapshot, event, initializeId, now)
    case 'turn_result':
      // If a process fails to start, its result may contain data about a session that it never had.
      if (!snapshot.ready && !isInTurn(snapshot.state)) {
        if (event.is_error) snapshot.start_refused = startRefusal(event)
        return false
      }
      if (!event.is_error) snapshot.interrupted = undefined
      // A queued prompt's turn begins without another `running`.
      if (snapshot.turn && event.parent_tool_use_id === undefined)
        snapshot.turn = { since: now, worked_ms: 0 }
      return assign(snapshot, {
        total_cost_usd: costAfter(snapshot, event),
        session_id: event.session_id,
        turn_failed: turnFailureOf(event),
      })
    default:
      return false
  }
}

/** Resets the facts about the previous run, because a new run has begun. */
function onStarted(
  snapshot: Snapshot,
  event: Extract<Event, { kind: 'process_started' }>,
  now: string,
): boolean {
  clearPending(snapshot)
  Object.assign(snapshot, {
    run: event.run,
    ready: false,
    due: undefined,
    exit: undefined,
    failure: undefined,
    start_refused: undefined,
    // Keep a stop that was requested before the process existed.
    stopping: snapshot.state === 'stopping' ? snapshot.stopping : undefined,
    interrupted: undefined,
    subagents: undefined,
    background_tasks: undefined,
    turn_failed: undefined,
    problems: undefined,
    hooks: undefined,
  })
  move(snapshot, 'launch', now)
  return true
}

function onExited(
  snapshot: Snapshot,
  event: Extract<Event, { kind: 'process_exited' }>,
  now: string,
): boolean {
  if (event.run !== snapshot.run || hasEnded(snapshot.state)) return false
  const cause = snapshot.stopping ?? event.reason
  if (isInTurn(snapshot.state)) snapshot.interrupted = true
  // An agent that was stopped before it was ready has `exited`, not `failed`.
  if (cause) move(snapshot, 'stop', now)
  snapshot.exit = exitOf(event.code, event.signal, cause)
  clearPending(snapshot)
  snapshot.due = undefined
  snapshot.stopping = undefined
  snapshot.background_tasks = undefined
  settleCosts(snapshot, event)
  return move(snapshot, 'ended', now)
}

function reply(
  snapshot: Snapshot,
  event: Event & { kind: 'reply' },
  initializeId: string | undefined,
  now: string,
) {
  keepReply(snapshot, event)
  if (event.request_id !== initializeId || !event.ok) return false
  snapshot.ready = true
  return move(snapshot, 'ready', now)
}

function requestOf(
  event: Event & { kind: 'permission_request' },
  { subagents }: Snapshot,
): PermissionRequest {
  const { offset: _offset, index: _index, kind: _kind, time: _time, ...request } = event
  const asking = subagents?.find(({ id }) => id === event.subagent_id)
  return { ...request, ...(asking && { subagent: asking.description }) }
}

/** Remembers each running sub-agent's description, because a sub-agent's requests contain only its id. */
function task(snapshot: Snapshot, { task_id: id, phase, description }: Event & { kind: 'task' }) {
  const others = (snapshot.subagents ?? []).filter((one) => one.id !== id)
  if (phase === 'started' && description !== undefined)
    snapshot.subagents = [
      ...others.slice(1 - SUBAGENTS_KEPT),
      { id, description: cut(description, DESCRIPTION_CHARS) },
    ]
  else if (phase === 'ended') snapshot.subagents = others.length > 0 ? others : undefined
  return false
}

function assign<K extends keyof Snapshot>(snapshot: Snapshot, values: Partial<Pick<Snapshot, K>>): boolean {
  let changed = false
  for (const key of Object.keys(values) as K[]) {
    const value = values[key]
    if (value === undefined || snapshot[key] === value) continue
    snapshot[key] = value as Snapshot[K]
    changed = true
  }
  return changed
}
