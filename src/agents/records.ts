import * as z from 'zod/mini'
import { ProcessIdentity } from '../platform/process-identity.ts'
import { closedOptional } from '../protocol/closed.ts'
import { AgentId, AgentSpec, CommandId, Exit, Offset, PermissionRequest } from '../protocol/index.ts'
import { AgentProblem, AgentState, BackgroundTask, TurnFailure } from '../protocol/status.ts'

/** `spec.json`: what the server asked for. */
export const SpecRecord = z.object({
  version: z.literal(1),
  agent_id: AgentId,
  command_id: CommandId,
  created_at: z.string(),
  spec: AgentSpec,
})
export type SpecRecord = z.infer<typeof SpecRecord>

/** `run.json`: the newest run, written before its launcher is started. */
export const RunRecord = z.object({
  version: z.literal(1),
  run: z.int().check(z.minimum(1)),
  /** The command that asked for it; absent when the restart policy did. */
  command_id: z.optional(CommandId),
  session: z.optional(z.object({ id: z.string(), mode: z.enum(['new', 'resume', 'fork']) })),
  program: z.string(),
  /** Name of the user it runs as, and whose the session is; absent where that user has none. */
  user: z.optional(z.string()),
  launched_at: z.string(),
  /** The input whose reply means that the agent is ready. */
  initialize_id: z.string(),
  /** The prompt that came with that command, if any: put again by whoever finishes a launch that was cut short. */
  prompt_id: z.optional(z.string()),
  /** When the restart policy started a run, within the last hour (ISO 8601). */
  restarts: z._default(z.array(z.string()), []),
  /** It was stopped: its restart policy must not start it again. */
  stay_ended: z.optional(z.literal(true)),
  /** A daemon ended it because it would not have survived the daemon's restart: the next daemon starts it again. */
  recall: z.optional(z.object({ why: z.string() })),
  /** It continues the turn in which the previous run was ended. */
  resume_turn: z.optional(z.boolean()),
  /** Why it does not continue that turn, as a sentence. */
  turn_interrupted: z.optional(z.string()),
  /** Offset of its first byte in `stderr.log`. Absent for the first run. */
  stderr_from: z.optional(Offset),
  /** The place of its own that its processes were started in. */
  shelter: z.optional(z.string()),
  /** Secret that its processes carry. Absent before its launch, and for a run that an earlier version launched. */
  mark: z.optional(z.string()),
  /** Those of the runs before, of which something may be left. */
  earlier_marks: z.optional(z.array(z.string())),
})
export type RunRecord = z.infer<typeof RunRecord>

/** `process.json`, written by the launcher. */
export const ProcessRecord = z.object({
  version: z.literal(1),
  run: z.int(),
  launcher: ProcessIdentity,
  agent: ProcessIdentity,
  feeder: ProcessIdentity,
})
export type ProcessRecord = z.infer<typeof ProcessRecord>

/** `exit.json`, written by the launcher, or by the daemon for an agent whose launcher is gone. */
export const ExitRecord = z.object({
  version: z.literal(1),
  run: z.int(),
  code: z.optional(z.int()),
  /** Written by a launcher, which may be of a newer version than the daemon. */
  reason: closedOptional(['lease', 'rebooted']),
})
export type ExitRecord = z.infer<typeof ExitRecord>

/** What an agent's journal says of it up to an offset. */
export const Snapshot = z.object({
  /** Journal bytes reduced into this. */
  offset: Offset,
  state: AgentState,
  since: z.string(),
  /** The run the journal is in. 0 before the first. */
  run: z.int(),
  /** Whether that run has answered `initialize`. */
  ready: z.boolean(),
  session_id: z.optional(z.string()),
  model: z.optional(z.string()),
  permission_mode: z.optional(z.string()),
  runtime_version: z.optional(z.string()),
  total_cost_usd: z.optional(z.number()),
  /** Costs in US dollars: the runtime's present count, and its count when the last process ended. */
  meter: z.optional(z.object({ now: z.number(), saved: z.number() })),
  background_tasks: z.optional(z.array(BackgroundTask)),
  pending: z.array(PermissionRequest),
  /** How many more there were, of which nothing else is kept. */
  pending_omitted: z.optional(z.int()),
  /** The newest requests of this run, answered or not. */
  asked: z.optional(z.array(z.object({ request_id: z.string(), digest: z.optional(z.string()) }))),
  /** Whether two requests of this run have had one id. */
  ids_reused: z.optional(z.literal(true)),
  /** Ids of the present process's unknown requests that have not been refused yet. */
  unknown_requests: z.optional(z.array(z.string())),
  /** Sub-agents under way. */
  subagents: z.optional(z.array(z.object({ id: z.string(), description: z.string() }))),
  exit: z.optional(Exit),
  failure: z.optional(z.object({ code: z.string(), message: z.string(), remedy: z.optional(z.string()) })),
  /** Why the present process does not start, in its own words. */
  start_refused: z.optional(z.object({ reason: z.optional(z.string()), message: z.optional(z.string()) })),
  /** Set while a stop that was asked for is under way: how the coming exit is to be read. */
  stopping: z.optional(z.enum(['stopped', 'rebooted'])),
  /** Whether its process ended, or is being ended, in a turn. */
  interrupted: z.optional(z.boolean()),
  /** Why the turn did not survive a restart that left the agent idle, as a sentence. */
  turn_interrupted: z.optional(z.string()),
  turn_failed: z.optional(TurnFailure),
  problems: z.optional(z.array(AgentProblem)),
  /** Hooks under way. */
  hooks: z.optional(z.array(z.object({ id: z.string(), name: z.string(), since: z.string() }))),
  /** How the model's service fails, and until when the report of it stays (ISO 8601). */
  retry: z.optional(z.object({ until: z.string(), detail: z.string() })),
  /** The newest replies of the agent, for commands that are asked about again. */
  replies: z.array(
    z.object({
      request_id: z.string(),
      ok: z.boolean(),
      error: z.optional(z.string()),
      code: z.optional(z.string()),
    }),
  ),
})
export type Snapshot = z.infer<typeof Snapshot>

/** `cursor.json`: how far the server has the journal, and what the journal says so far. */
export const CursorRecord = z.object({
  version: z.literal(1),
  acked: Offset,
  /** First byte of the journal still on disk. */
  begin: Offset,
  snapshot: Snapshot,
  /** Journal bytes that the last server had and was sent. Absent while there is a server. */
  apart: z.optional(
    z.object({
      known: Offset,
      told: Offset,
      boot_id: z.string(),
      /** Tells the agent's files from copies (`Contact`). Absent in records of earlier versions, and without a journal. */
      file: z.optional(z.string()),
    }),
  ),
})
export type CursorRecord = z.infer<typeof CursorRecord>
