import * as z from 'zod/mini'
import { firstOf, ToldName, ToldPath, ToldSentence } from './bounds.ts'
import { closed } from './closed.ts'
import { AgentId, JournalName, Json, Offset } from './ids.ts'
import { Limits } from './limits.ts'
import { PermissionRequest } from './permission.ts'

/** Most entries of what a status lists beside requests. */
const LISTED = 1000

export const AgentState = closed(
  ['starting', 'idle', 'working', 'waiting', 'stopping', 'exited', 'failed'],
  'working',
)
export type AgentState = z.infer<typeof AgentState>

export const Exit = z.object({
  /** As a shell reports it: 128 + n for signal n. Absent when nobody saw the end. */
  code: z.optional(z.int()),
  signal: z.optional(ToldName),
  /**
   * `stopped`: a server asked. `finished`: of itself, code 0. `crashed`: of itself, otherwise. `killed`: by a signal
   * that nobody here sent. `lost`: gone without a trace. `rebooted`: the machine went down. `lease`: nobody
   * came back in time.
   */
  reason: closed(['stopped', 'finished', 'crashed', 'killed', 'lost', 'rebooted', 'lease'], 'lost'),
  /** Who ended it and why, in a sentence, where the daemon knows more than the reason says. */
  detail: z.optional(ToldSentence),
})
export type Exit = z.infer<typeof Exit>

export const TurnFailure = z.object({
  /** As the event `turn_result` has it, or `prompt_rejected`. */
  outcome: ToldName,
  /** In the runtime's words, shortened. */
  message: z.optional(ToldSentence),
})
export type TurnFailure = z.infer<typeof TurnFailure>

export const AgentProblem = z.object({
  /** `mcp_server`, `hook`, `program`, `model`; more may come. */
  kind: ToldName,
  name: ToldName,
  /** In the runtime's words, such as `failed`, `needs-auth`, `pending`; of a hook `failed`, `cancelled` or `running`; of a program `deleted`; of a model `retrying`. */
  status: ToldName,
  /** Its own last words, shortened. */
  detail: z.optional(ToldSentence),
})
export type AgentProblem = z.infer<typeof AgentProblem>

/** What an agent has running beside its turns, such as a shell command or a sub-agent. */
export const BackgroundTask = z.object({
  task_id: ToldName,
  /** In the runtime's words. */
  task_type: z.optional(ToldName),
  description: z.optional(ToldSentence),
})

/** An agent as it is now. State, not log: the highest `revision` wins, older ones are dropped. */
export const AgentStatus = z.object({
  agent_id: AgentId,
  revision: z.int(),
  state: AgentState,
  /** When it came into this state (ISO 8601). */
  since: ToldName,
  runtime: ToldName,
  runtime_version: z.optional(ToldName),
  title: z.optional(ToldName),
  cwd: ToldPath,
  /** Counts the processes this agent has had: 1 for the first, one more after each resume. */
  run: z.int(),
  pid: z.optional(z.int()),
  session_id: z.optional(ToldName),
  model: z.optional(ToldName),
  permission_mode: z.optional(ToldName),
  /** Permission requests and questions nobody has answered yet. */
  pending: firstOf(PermissionRequest, Limits.pending),
  /** How many more there are that `pending` does not list. Absent where it lists all. */
  pending_omitted: z.optional(z.int()),
  /** Prompts accepted that the runtime has not yet begun with. They outlive its process. */
  undelivered_prompts: z.int(),
  exit: z.optional(Exit),
  /** Since when it waits for its turn to be launched (ISO 8601): a machine launches only so many agents at a time. */
  queued: z.optional(z.object({ since: ToldName })),
  /** Its start takes long: when it was launched (ISO 8601), and what it is at, in a sentence. */
  slow: z.optional(z.object({ since: ToldName, detail: ToldSentence })),
  /** Why it is idle after a restart that its turn did not survive, in a sentence; until its next turn. */
  turn_interrupted: z.optional(ToldSentence),
  /** How its last turn failed, or why its last prompt came to nothing; until its next turn. */
  turn_failed: z.optional(TurnFailure),
  /** What its present process does without: MCP servers and hooks that fail or are not done. Absent where nothing is wrong. */
  problems: z.optional(firstOf(AgentProblem, LISTED)),
  /** Why it failed to start, in the agent's own words where it had any. */
  failure: z.optional(z.object({ code: ToldName, message: ToldSentence, remedy: z.optional(ToldSentence) })),
  /** Why and until when a restart is held back (ISO 8601), in a crash loop. */
  restart_held_until: z.optional(ToldName),
  /** Background tasks that are running, 32 of them at most: an `idle` agent with any is not done. */
  background_tasks: z.optional(firstOf(BackgroundTask, LISTED)),
  /** All its processes and sessions together. */
  total_cost_usd: z.optional(z.number()),
  /** The journal: first byte still held, bytes acknowledged by the server, and its end. */
  begin: Offset,
  acked: Offset,
  end: Offset,
  /** Its present generation; absent for the first. */
  journal: z.optional(JournalName),
})
export type AgentStatus = z.infer<typeof AgentStatus>

export const HealthProblemCode = z.enum([
  'runtime_missing',
  'runtime_too_old',
  'runtime_broken',
  'runtime_changed',
  'not_logged_in',
  'login_expired',
  'usage_limit',
  'disk_low',
  'disk_full',
  'memory_low',
  'was_asleep',
  'state_damaged',
  'state_read_only',
  'state_copied',
  'new_identity',
  'update_failed',
  'crash_loop',
  'agents_of_another_user',
  'agents_end_with_daemon',
])
export type HealthProblemCode = z.infer<typeof HealthProblemCode>

/** One thing that is not as it should be, and what to do about it. */
export const HealthProblem = z.object({
  /** Stable, for programs. A newer daemon may have more. */
  code: z.union([HealthProblemCode, ToldName]),
  severity: closed(['info', 'warning', 'error'], 'warning'),
  message: ToldSentence,
  remedy: z.optional(ToldSentence),
  since: ToldName,
  /** When it is expected to pass (ISO 8601), for instance when a usage limit resets. */
  until: z.optional(ToldName),
})
export type HealthProblem = z.infer<typeof HealthProblem>

/** A kind of agent program as found on the machine. */
export const Runtime = z.object({
  name: ToldName,
  found: z.boolean(),
  path: z.optional(ToldPath),
  version: z.optional(ToldName),
  login: z.optional(closed(['logged_in', 'logged_out', 'expired', 'unknown'], 'unknown')),
  problem: z.optional(ToldSentence),
  /** Programs that come before it and cannot be used. */
  passed_over: z.optional(firstOf(z.object({ path: ToldPath, problem: ToldSentence }), LISTED)),
})
export type Runtime = z.infer<typeof Runtime>

export const MachineStatus = z.object({
  revision: z.int(),
  runtimes: firstOf(Runtime, LISTED),
  problems: firstOf(HealthProblem, LISTED),
  memory: z.object({ total_bytes: z.number(), available_bytes: z.number() }),
  disk: z.object({ total_bytes: z.number(), available_bytes: z.number() }),
  /** False near a full disk or while stopping: `agent:start` would be refused. */
  accepts_agents: z.boolean(),
  /** The record of the last update, if any. */
  update: z.optional(Json),
})
export type MachineStatus = z.infer<typeof MachineStatus>
