import { type AgentProblem, AgentStatus, Limits, type PermissionRequest } from '../../protocol/index.ts'
import { shortenTo } from '../../protocol/schema-check.ts'
import type { Generations } from '../disk/generations.ts'
import type { Inbox } from '../disk/inbox.ts'
import type { LimitOrders } from '../disk/limit-orders.ts'
import type { ProcessRecord, RunRecord, Snapshot, SpecRecord } from '../disk/records.ts'
import { memoryProblem } from '../process/cgroup/out-of-memory.ts'
import { programProblem } from '../process/program-gone.ts'
import type { RuntimeAdapter } from '../runtimes/runtime.ts'
import { weightOf } from './json-weight.ts'
import { isLimited, isWaiting, resetOf } from './limit.ts'
import { fitPending } from './pending.ts'
import { problemsOf } from './problems.ts'
import { waitingPrompts } from './waiting-prompts.ts'
import type { Redactor } from './without-secrets.ts'

/** Maximum length of a tool's input in a status, in characters of JSON. */
const STATUS_INPUT_CHARS = 16 * 1024

/**
 * Reason why a run is queued for its launch, whether the run's start is slow, and the request for permission
 * to use the folder's startup files.
 */
export interface Launching {
  queued?: AgentStatus['queued']
  slow?: true
  trust?: PermissionRequest | undefined
}

/** The parts of an agent from which its status is built. */
interface Described {
  id: string
  revision: number
  record: SpecRecord
  run: RunRecord
  snapshot: Readonly<Snapshot>
  hasEnded: boolean
  isReady: boolean
  process: ProcessRecord | undefined
  inbox: Inbox
  runtime: RuntimeAdapter
  generations: Generations
  begin: number
  acked: number
  heldUntil: number | undefined
  longTurn: string | undefined
  limits: LimitOrders
  returning: boolean
  launching: Launching
}

/** Returns an agent's status for its server, without secrets. Texts from the agent are shortened to the protocol's limits. */
export function statusOf(agent: Described, now: number, redactor: Redactor): AgentStatus {
  const status = shortenTo(AgentStatus, redactor.redactPart(described(agent, now, redactor)))
  if (status.pending.length === 0) return status
  return fitPending(status, Limits.status_bytes - weightOf({ ...status, pending: [] }))
}

function described(agent: Described, now: number, { blank }: Redactor): AgentStatus {
  const { snapshot, record, run, hasEnded, inbox, generations, heldUntil, launching } = agent
  const problems = hasEnded
    ? []
    : [
        ...problemsOf(snapshot, now),
        ...programProblem(agent),
        ...memoryProblem(agent),
        ...longTurn(agent),
        ...ignoredFiles(run),
      ]
  const pid = hasEnded ? undefined : agent.process?.agent.pid
  const sessionId = snapshot.session_id ?? launchedIn(agent)
  return {
    agent_id: agent.id,
    revision: agent.revision,
    state: snapshot.state,
    since: snapshot.since,
    runtime: record.spec.runtime,
    cwd: record.spec.cwd,
    run: run.run,
    pending: [...(launching.trust ? [launching.trust] : []), ...snapshot.pending].map(forStatus),
    ...(snapshot.pending_omitted && { pending_omitted: snapshot.pending_omitted }),
    undelivered_prompts: inbox.unsettledCount,
    ...(inbox.unsettledCount > 0 && { waiting_prompts: waitingPrompts(inbox, agent.runtime, blank) }),
    begin: agent.begin,
    acked: agent.acked,
    end: snapshot.offset,
    ...(generations.current !== undefined && { journal: generations.current }),
    ...(record.spec.title && { title: record.spec.title }),
    ...(record.worktree && { worktree: worktreeIn(record.worktree) }),
    ...(pid && { pid }),
    ...(sessionId && { session_id: sessionId }),
    ...(snapshot.model && { model: snapshot.model }),
    ...(snapshot.permission_mode && { permission_mode: snapshot.permission_mode }),
    ...(snapshot.runtime_version && { runtime_version: snapshot.runtime_version }),
    ...(snapshot.exit && { exit: snapshot.exit }),
    ...(launching.queued && { queued: launching.queued }),
    ...(launching.slow &&
      !hasEnded &&
      !agent.isReady && { slow: { since: run.launched_at, detail: slowness(pid) } }),
    ...(snapshot.turn_interrupted && { turn_interrupted: snapshot.turn_interrupted }),
    ...(snapshot.turn_failed && { turn_failed: snapshot.turn_failed }),
    ...(agent.limits.onLimit && { on_limit: agent.limits.onLimit }),
    ...(isLimited(snapshot) && limitedBy(agent)),
    ...(problems.length > 0 && { problems }),
    ...(snapshot.failure && { failure: snapshot.failure }),
    ...(snapshot.background_tasks && { background_tasks: snapshot.background_tasks }),
    ...(snapshot.total_cost_usd !== undefined && { total_cost_usd: snapshot.total_cost_usd }),
    ...(heldUntil && { restart_held_until: new Date(heldUntil).toISOString() }),
  }
}

const worktreeIn = ({ branch, repository, path }: NonNullable<SpecRecord['worktree']>) => ({
  branch,
  repository,
  path,
})

function limitedBy(agent: Described): Pick<AgentStatus, 'limited'> {
  const until = resetOf(agent)
  const waits = isWaiting(agent)
  // After an outage, it is unknown whether the limit still applies.
  if (!waits && agent.snapshot.limit?.outages) return {}
  return { limited: { ...(until !== undefined && { until }), ...(waits && { waits }) } }
}

const longTurn = ({ longTurn: detail }: Described) =>
  detail === undefined ? [] : [{ kind: 'turn', name: 'turn', status: 'long', detail }]

const ignoredFiles = ({ ignores_startup_files }: RunRecord): AgentProblem[] =>
  ignores_startup_files
    ? [
        {
          kind: 'startup_files',
          name: 'repository',
          status: 'ignored',
          detail:
            "The machine's policy does not trust this folder, so its settings, hooks, and MCP servers are not used.",
        },
      ]
    : []

const slowness = (pid: number | undefined) =>
  pid === undefined
    ? 'Its launcher was started, but its process does not exist yet.'
    : `Process ${pid} is running but not ready yet; session start hooks and MCP servers can delay it.`

/**
 * Returns the session with which an agent was started. A status contains this session until the agent reports
 * its session. For a fork, only the agent knows the new session.
 */
function launchedIn({ run, record, isReady, hasEnded }: Described): string | undefined {
  if (isReady || !hasEnded) return run.session?.mode === 'fork' ? undefined : run.session?.id
  const { session } = record.spec
  return session?.fork ? undefined : session?.resume
}

/** Omits a long input, such as the contents of a file, because a status is sent often. */
function forStatus(request: PermissionRequest): PermissionRequest {
  if (JSON.stringify(request.input).length <= STATUS_INPUT_CHARS) return request
  return { ...request, input: {}, input_omitted: true }
}
