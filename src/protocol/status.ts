import * as z from 'zod/mini'
import { firstOf, ReportedName, ReportedPath, ReportedSentence } from './bounds.ts'
import { closed } from './closed.ts'
import { AgentId, JournalName, Json, Offset } from './ids.ts'
import { Limits } from './limits.ts'
import { MachineLoad } from './machine-load.ts'
import { PermissionRequest } from './permission.ts'

/** Maximum length of a list in a status; only `pending` has a separate limit. */
const LISTED = 1000

export const AGENT_STATES = [
  'starting',
  'idle',
  'working',
  'waiting',
  'stopping',
  'exited',
  'failed',
] as const

export const AgentState = closed(AGENT_STATES, 'working')
export type AgentState = z.infer<typeof AgentState>

export const Exit = z.object({
  /** Exit code as a shell reports it: 128 + n for signal n. Absent if the end was not observed. */
  code: z.optional(z.int()),
  signal: z.optional(ReportedName),
  /**
   * `stopped`: a server asked for it. `finished`: ended by itself with code 0. `crashed`: ended by itself
   * with another code. `killed`: by a signal that did not come from the daemon. `lost`: the process
   * disappeared for an unknown reason. `rebooted`: the machine rebooted. `lease`: no daemon or server came
   * back in time.
   */
  reason: closed(['stopped', 'finished', 'crashed', 'killed', 'lost', 'rebooted', 'lease'], 'lost'),
  /** Sentence with further facts that the daemon knows, such as who ended the agent and why. */
  detail: z.optional(ReportedSentence),
})
export type Exit = z.infer<typeof Exit>

export const TurnFailure = z.object({
  /** As in the event `turn_result`, or `prompt_rejected`. */
  outcome: ReportedName,
  /** Message in the runtime's own words, shortened. */
  message: z.optional(ReportedSentence),
})
export type TurnFailure = z.infer<typeof TurnFailure>

export const AgentProblem = z.object({
  /** `mcp_server`, `hook`, `program`, `memory`, `model`, `turn`, or `startup_files`. Future versions may add values. */
  kind: ReportedName,
  name: ReportedName,
  /**
   * For an MCP server: a word of the runtime, such as `failed`, `needs-auth`, or `pending`. For a hook:
   * `failed`, `cancelled`, or `running`. For a program: `deleted`. For memory: `exceeded`. For a model:
   * `retrying`. For a turn: `long`. For startup files: `ignored`.
   */
  status: ReportedName,
  /** Explanation from the part itself, shortened. */
  detail: z.optional(ReportedSentence),
})
export type AgentProblem = z.infer<typeof AgentProblem>

/** A task that runs alongside an agent's turns, such as a shell command or a sub-agent. */
export const BackgroundTask = z.object({
  task_id: ReportedName,
  /** In the runtime's words. */
  task_type: z.optional(ReportedName),
  description: z.optional(ReportedSentence),
})

/** A prompt that its agent has not taken yet. */
export const WaitingPrompt = z.object({
  prompt_id: ReportedName,
  /** Time at which the machine accepted the prompt (ISO 8601). */
  since: z.optional(ReportedName),
  /** Text of the prompt, or its beginning. Absent if there is no text, or if the prompt is very long. */
  text: z.optional(ReportedSentence),
  /** True if `text` is not the whole text of the prompt. */
  cut: z.optional(z.boolean()),
  /** Number of images in the prompt, if there are any. */
  images: z.optional(z.int()),
})
export type WaitingPrompt = z.infer<typeof WaitingPrompt>

/**
 * A snapshot of an agent, not a log entry. The status with the highest `revision` is valid, and older
 * statuses are dropped.
 */
export const AgentStatus = z.object({
  agent_id: AgentId,
  revision: z.int(),
  state: AgentState,
  /** Time at which the agent entered this state (ISO 8601). */
  since: ReportedName,
  runtime: ReportedName,
  runtime_version: z.optional(ReportedName),
  title: z.optional(ReportedName),
  cwd: ReportedPath,
  /**
   * Number of the agent's processes so far. It is 1 for the first process, and increases with each resume.
   */
  run: z.int(),
  pid: z.optional(z.int()),
  session_id: z.optional(ReportedName),
  model: z.optional(ReportedName),
  permission_mode: z.optional(ReportedName),
  /** Permission requests and questions that are still open. */
  pending: firstOf(PermissionRequest, Limits.pending),
  /** Number of requests that `pending` does not list. Absent if `pending` lists all requests. */
  pending_omitted: z.optional(z.int()),
  /**
   * Number of accepted prompts that the runtime has not begun to process. These prompts are not lost when the
   * runtime's process ends.
   */
  undelivered_prompts: z.int(),
  /**
   * The first of these prompts, in the order in which the agent takes them. Absent if there are none, and from
   * older daemons.
   */
  waiting_prompts: z.optional(firstOf(WaitingPrompt, LISTED)),
  exit: z.optional(Exit),
  /**
   * Present while the agent waits for its launch, because a machine launches only a limited number of agents
   * at once, and only if there is enough memory. Contains the start of the wait (ISO 8601), the place in the
   * queue (the first is 1), the reason, and a remedy.
   */
  queued: z.optional(
    z.object({
      since: ReportedName,
      place: z.optional(z.int()),
      reason: z.optional(ReportedSentence),
      remedy: z.optional(ReportedSentence),
    }),
  ),
  /** Present if a start takes a long time: the launch time (ISO 8601), and the current step of the start. */
  slow: z.optional(z.object({ since: ReportedName, detail: ReportedSentence })),
  /**
   * Reason why the agent is idle after a restart that interrupted its turn. Absent once the next turn begins.
   */
  turn_interrupted: z.optional(ReportedSentence),
  /**
   * Failure of the last turn, or of the last prompt if it started no turn. Absent once the next turn begins.
   */
  turn_failed: z.optional(TurnFailure),
  /** The agent's setting `on_limit`; absent if it is not set. */
  on_limit: z.optional(ReportedName),
  /** Present if the usage limit of the agent's account ended its last turn. Absent once the next turn begins. */
  limited: z.optional(
    z.object({
      /** Time at which the limit resets (ISO 8601), if it is known. */
      until: z.optional(ReportedName),
      /** True if the machine continues the turn after the reset. */
      waits: z.optional(z.boolean()),
    }),
  ),
  /** Parts of the agent that do not work, such as MCP servers and hooks. Absent if all parts work. */
  problems: z.optional(firstOf(AgentProblem, LISTED)),
  /** Reason for a failed start, in the agent's own words if the agent reported a reason. */
  failure: z.optional(
    z.object({
      code: ReportedName,
      message: ReportedSentence,
      /** With the code `policy`: the key of the policy that refuses the start. */
      path: z.optional(ReportedSentence),
      remedy: z.optional(ReportedSentence),
    }),
  ),
  /**
   * Present if the daemon made a git working tree for the agent: its branch, the folder of the repository, and
   * the folder of the working tree.
   */
  worktree: z.optional(
    z.object({ branch: ReportedName, repository: ReportedPath, path: z.optional(ReportedPath) }),
  ),
  /** Time of the next restart (ISO 8601), if restarts are delayed because the agent crashes repeatedly. */
  restart_held_until: z.optional(ReportedName),
  /**
   * Running background tasks, at most 32. An `idle` agent with background tasks continues to work when these
   * tasks end.
   */
  background_tasks: z.optional(firstOf(BackgroundTask, LISTED)),
  /** Total cost of all of the agent's processes and sessions. */
  total_cost_usd: z.optional(z.number()),
  /** Offset of the first journal byte that the machine still has. */
  begin: Offset,
  /** Offset that the server has acknowledged. */
  acked: Offset,
  /** End of the journal. */
  end: Offset,
  /** Current generation of the journal. The first generation of an agent of an earlier version has no name. */
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
  'policy_unreadable',
  'agent_user_unusable',
])
export type HealthProblemCode = z.infer<typeof HealthProblemCode>

/** A problem of the machine, and its remedy. */
export const HealthProblem = z.object({
  /** Stable code for programs. A newer daemon may have more codes. */
  code: z.union([HealthProblemCode, ReportedName]),
  severity: closed(['info', 'warning', 'error'], 'warning'),
  message: ReportedSentence,
  remedy: z.optional(ReportedSentence),
  since: ReportedName,
  /** Time at which the problem is expected to end (ISO 8601), for example when a usage limit resets. */
  until: z.optional(ReportedName),
})
export type HealthProblem = z.infer<typeof HealthProblem>

/** A runtime as found on the machine. */
export const Runtime = z.object({
  name: ReportedName,
  found: z.boolean(),
  path: z.optional(ReportedPath),
  version: z.optional(ReportedName),
  login: z.optional(closed(['logged_in', 'logged_out', 'expired', 'unknown'], 'unknown')),
  problem: z.optional(ReportedSentence),
  /** Programs that do not work, but that the daemon would otherwise prefer. */
  passed_over: z.optional(firstOf(z.object({ path: ReportedPath, problem: ReportedSentence }), LISTED)),
})
export type Runtime = z.infer<typeof Runtime>

const permitted = z.optional(firstOf(ReportedName, LISTED))
const folders = firstOf(ReportedPath, LISTED)

/**
 * The part of the machine's policy that limits the server. With it, a client can refuse a command before the
 * command is sent. The machine decides about each command anyway.
 */
export const MachinePolicy = z.object({
  /**
   * `file`: the machine has a policy file. `careful`: a new machine without a policy file. `open`: a machine
   * without a policy file; everything is permitted. `unreadable`: the policy cannot be read, and nothing is
   * started.
   */
  state: ReportedName,
  folders: z.optional(z.object({ allow: folders, deny: folders })),
  runtimes: permitted,
  /**
   * In this list and in the lists below, `*` stands for all entries. In `environment`, `*` does not include
   * sensitive names.
   */
  permission_modes: permitted,
  /** Tools that a server may permit without asking a person. */
  tools_allowed: permitted,
  tools_denied: permitted,
  /** `none`, `listed`, or `any`. */
  mcp_servers: z.optional(ReportedName),
  mcp_listed: permitted,
  /** Names of variables that a server may set. */
  environment: permitted,
  /** `none`, `append`, or `replace`. */
  system_prompt: z.optional(ReportedName),
  /** `ask`, `listed`, or `any`. */
  repository_trust: z.optional(ReportedName),
  commands_denied: permitted,
  /** True if commands must be signed by a person. */
  signed: z.optional(z.boolean()),
})
export type MachinePolicy = z.infer<typeof MachinePolicy>

export const MachineStatus = z.object({
  revision: z.int(),
  runtimes: firstOf(Runtime, LISTED),
  problems: firstOf(HealthProblem, LISTED),
  memory: z.object({ total_bytes: z.number(), available_bytes: z.number() }),
  disk: z.object({ total_bytes: z.number(), available_bytes: z.number() }),
  /** Load of the processors; absent if the daemon is an older version. */
  load: z.optional(MachineLoad),
  /** False if the disk is almost full or the daemon is stopping. The daemon then refuses `agent:start`. */
  accepts_agents: z.boolean(),
  /** The record of the last update; absent if there was none. */
  update: z.optional(Json),
  policy: z.optional(MachinePolicy),
})
export type MachineStatus = z.infer<typeof MachineStatus>
