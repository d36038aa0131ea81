import type { AgentProblem, Event, TurnFailure } from '../../protocol/index.ts'
import { shorten } from '../../protocol/shorten.ts'
import type { Snapshot } from '../disk/records.ts'

const MESSAGE_CHARS = 500
const NAME_CHARS = 100
/** Maximum number of problems of each kind, and of running hooks. */
const KEPT = 20
/** Run time, in ms, after which the status reports a hook as a problem. */
export const HOOK_IS_SLOW_MS = 10_000

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

export const turnFailure = (outcome: string, words: string | undefined): TurnFailure => ({
  outcome,
  ...(words && { message: shorten(words, MESSAGE_CHARS) }),
})

/** @returns undefined if the turn succeeded, was interrupted, or belongs to a sub-agent */
export function turnFailureOf(event: Of<'turn_result'>): TurnFailure | undefined {
  if (!event.is_error || event.parent_tool_use_id !== undefined) return undefined
  if (event.terminal_reason?.startsWith('aborted')) return undefined
  const outcome = event.outcome === 'success' ? 'error' : event.outcome
  return turnFailure(outcome, event.errors?.length ? event.errors.join('; ') : event.text)
}

const REFUSAL_CHARS = 2000

/**
 * Returns why a process refuses to start. The process reports this in a `turn_result`, although there was no
 * turn.
 */
export function startRefusal(event: Of<'turn_result'>): Snapshot['start_refused'] {
  const message = event.errors?.length ? event.errors.join('; ') : event.text
  const reason = event.startup_failure_reason
  return {
    ...(reason && { reason: shorten(reason, NAME_CHARS) }),
    ...(message && { message: shorten(message, REFUSAL_CHARS) }),
  }
}

/** States in which an MCP server has no problem. */
const AT_WORK = ['connected', 'disabled']

/**
 * Handles the list of MCP servers that the runtime sends at each turn.
 * @returns whether the problems have changed
 */
export function serversSeen(snapshot: Snapshot, { mcp_servers }: Of<'session'>): boolean {
  if (mcp_servers === undefined) return false
  const failed = mcp_servers.flatMap((entry): AgentProblem[] => {
    if (typeof entry !== 'object' || entry === null) return []
    const { name, status } = entry as Record<string, unknown>
    if (typeof name !== 'string' || typeof status !== 'string' || AT_WORK.includes(status)) return []
    return [{ kind: 'mcp_server', name: shorten(name, NAME_CHARS), status: shorten(status, NAME_CHARS) }]
  })
  return replace(snapshot, ({ kind }) => kind !== 'mcp_server', failed.slice(0, KEPT))
}

/** Handles the start or end of a hook. @returns whether the problems have changed */
export function hookSeen(snapshot: Snapshot, event: Of<'hook'>, now: string): boolean {
  const id = event.hook_id ?? event.name
  const name = shorten(event.name, NAME_CHARS)
  const others = (snapshot.hooks ?? []).filter((hook) => hook.id !== id)
  if (event.phase === 'started') {
    snapshot.hooks = [...others.slice(1 - KEPT), { id, name, since: now }]
    return false
  }
  if (event.phase !== 'ended') return false
  snapshot.hooks = others.length > 0 ? others : undefined
  const failed = hookFailure(event)
  const problem = failed && { kind: 'hook', name, status: failed, ...detailOf(event) }
  const rest = ({ kind, name: other }: AgentProblem) => kind !== 'hook' || other !== name
  return replace(snapshot, rest, problem ? [problem] : [])
}

/**
 * Returns how a hook failed; undefined if the hook succeeded, or blocked an action on purpose (exit code 2).
 */
function hookFailure({ outcome, exit_code }: Of<'hook'>) {
  if (outcome === undefined || outcome === 'success' || exit_code === 2) return undefined
  return outcome === 'error' ? 'failed' : shorten(outcome, NAME_CHARS)
}

function detailOf({ exit_code, output }: Of<'hook'>) {
  const words = [exit_code === undefined ? '' : `exit code ${exit_code}`, output?.trim() ?? '']
  const detail = words.filter((part) => part !== '').join(': ')
  return detail !== '' && { detail: shorten(detail, MESSAGE_CHARS) }
}

/**
 * Number of failed attempts to send one request. After these, the model's service is reported as a problem.
 */
const MANY_TRIES = 3
/**
 * Time after which the report expires if there is no further attempt, in ms. The time begins when the delay
 * before the next attempt is over.
 */
const TRY_MS = 60_000

/** Records a failed attempt to reach the model's service. @returns whether the problems have changed */
export function retrySeen(snapshot: Snapshot, event: Of<'retry'>, now: string): boolean {
  if (event.attempt < MANY_TRIES) return false
  const { attempt, max_retries, status, error } = event
  const said = error === 'unknown' ? '' : (error ?? '')
  const why = [status === undefined ? '' : `HTTP ${status}`, said].filter((part) => part !== '')
  if (why.length === 0) why.push('the service cannot be reached')
  const tries = `try ${attempt}${max_retries === undefined ? '' : ` of ${max_retries}`}`
  const until = Date.parse(now) + Math.max(0, event.delay_ms ?? 0) + TRY_MS
  snapshot.retry = {
    until: new Date(Math.min(until, LAST_MS)).toISOString(),
    detail: shorten([...why, tries].join(', '), MESSAGE_CHARS),
  }
  return true
}

/** The latest time that a Date can have. */
const LAST_MS = 8.64e15

/** Kinds of events that do not show that the model answers. */
const BESIDE: Event['kind'][] = ['retry', 'hook', 'prompt_state', 'user', 'reply', 'background_tasks', 'task']

/**
 * Removes the report about the model's service at the first event that shows that the model answers.
 * @returns whether the problems have changed
 */
export function retryOver(snapshot: Snapshot, { kind }: Event): boolean {
  if (snapshot.retry === undefined || BESIDE.includes(kind)) return false
  snapshot.retry = undefined
  return true
}

/**
 * Returns the problems for a status, including hooks that run too long, and failures of the model's service.
 */
export function problemsOf(
  { problems = [], hooks = [], retry, model }: Snapshot,
  now: number,
): AgentProblem[] {
  const failing = retry && now < Date.parse(retry.until)
  const slow = hooks.filter(({ since }) => now - Date.parse(since) >= HOOK_IS_SLOW_MS)
  return [
    ...problems,
    ...(failing
      ? [{ kind: 'model', name: model ?? 'service', status: 'retrying', detail: retry.detail }]
      : []),
    ...slow.map(({ name, since }) => ({ kind: 'hook', name, status: 'running', detail: `since ${since}` })),
  ]
}

function replace(
  snapshot: Snapshot,
  keep: (problem: AgentProblem) => boolean,
  added: AgentProblem[],
): boolean {
  const before = snapshot.problems ?? []
  const after = [...before.filter(keep), ...added].slice(-2 * KEPT)
  if (JSON.stringify(after) === JSON.stringify(before)) return false
  snapshot.problems = after.length > 0 ? after : undefined
  return true
}
