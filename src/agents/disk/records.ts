import { join } from 'node:path'
import * as z from 'zod/mini'
import { ProcessIdentity } from '../../platform/process-identity.ts'
import { closedOptional } from '../../protocol/closed.ts'
import {
  AgentId,
  AgentSpec,
  CommandId,
  Exit,
  JournalName,
  Offset,
  PermissionRequest,
} from '../../protocol/index.ts'
import { AgentProblem, AgentState, BackgroundTask, TurnFailure } from '../../protocol/status.ts'

/** A git working tree that the daemon made for an agent. Paths are without links. */
export const WorktreeRecord = z.object({
  /** Folder of the repository. */
  repository: z.string(),
  /** Folder with the objects and branches of the repository. Absent in records of earlier versions. */
  common_dir: z.optional(z.string()),
  path: z.string(),
  branch: z.string(),
  /** True if the branch was made with the working tree. */
  is_new_branch: z.boolean(),
  /** Branch that was checked out in the repository; absent if there was none. */
  onto: z.optional(z.string()),
})
export type WorktreeRecord = z.infer<typeof WorktreeRecord>

/** Returns the folder to which git writes the commits in a working tree. */
export const commonDirOf = ({ common_dir, repository }: WorktreeRecord) =>
  common_dir ?? join(repository, '.git')

/** `spec.json`: the specification from the server. */
export const SpecRecord = z.object({
  version: z.literal(1),
  agent_id: AgentId,
  command_id: CommandId,
  created_at: z.string(),
  /**
   * Name of the first generation of the journal. It distinguishes the journal from those of earlier agents with the
   * same id. Absent in records of earlier versions.
   */
  journal: z.optional(JournalName),
  /** Working tree of the agent, if it has its own. The specification's folder is then in this tree. */
  worktree: z.optional(WorktreeRecord),
  spec: AgentSpec,
})
export type SpecRecord = z.infer<typeof SpecRecord>

/** `run.json`: the newest run, written before its launcher is started. */
export const RunRecord = z.object({
  version: z.literal(1),
  run: z.int().check(z.minimum(1)),
  /** Id of the command that started the run; absent if the restart policy started it. */
  command_id: z.optional(CommandId),
  session: z.optional(z.object({ id: z.string(), mode: z.enum(['new', 'resume', 'fork']) })),
  program: z.string(),
  /** Name of the daemon's user; absent if the user has no name. */
  user: z.optional(z.string()),
  /** Name of the user who runs the agent and owns the session; absent for the daemon's user. */
  agent_user: z.optional(z.string()),
  /** Ids of the users that this run and earlier runs were started as, except the daemon's user. */
  agent_uids: z.optional(z.array(z.int())),
  launched_at: z.string(),
  /** Id of the input whose reply means that the agent is ready. */
  initialize_id: z.string(),
  /** Id of the command's prompt, if any. A daemon that completes an interrupted launch delivers the prompt again. */
  prompt_id: z.optional(z.string()),
  /** Times at which the restart policy started a run, within the last hour (ISO 8601). */
  restarts: z._default(z.array(z.string()), []),
  /** Set if the agent was stopped. Its restart policy then must not start it again. */
  stay_ended: z.optional(z.literal(true)),
  /**
   * Set if the machine stopped the agent because the agent was idle. The agent's next prompt starts it again.
   */
  resting: z.optional(z.literal(true)),
  /**
   * Set if a daemon ended the run because the run would not have survived the daemon's restart. The next
   * daemon starts the agent again.
   */
  recall: z.optional(z.object({ why: z.string() })),
  /** True if the run continues the turn in which the previous run ended. */
  resume_turn: z.optional(z.boolean()),
  /** Sentence that explains why the run does not continue the previous run's turn. */
  turn_interrupted: z.optional(z.string()),
  /** Offset in `stderr.log` at which the output of this run begins. Absent for the first run. */
  stderr_from: z.optional(Offset),
  /** Set if the run ignores its folder's startup files, which make the runtime run programs. */
  ignores_startup_files: z.optional(z.literal(true)),
  /** Name of the shelter in which the run's processes were started, such as a systemd scope. */
  shelter: z.optional(z.string()),
  /**
   * Secret that the run's processes carry. Absent before the launch, and for a run that an earlier version
   * launched.
   */
  mark: z.optional(z.string()),
  /**
   * Folder of the control group of the run's processes. Absent before the launch, and if the run has no
   * group.
   */
  group: z.optional(z.string()),
  /** Secrets of earlier runs, which may have left processes behind. */
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

/** `exit.json`, written by the launcher, or by the daemon if the launcher has died. */
export const ExitRecord = z.object({
  version: z.literal(1),
  run: z.int(),
  code: z.optional(z.int()),
  /** The launcher that wrote the file may be newer than the daemon. */
  reason: closedOptional(['lease', 'rebooted']),
})
export type ExitRecord = z.infer<typeof ExitRecord>

/** State of an agent according to its journal up to an offset. */
export const Snapshot = z.object({
  /** Number of journal bytes that this snapshot summarizes. */
  offset: Offset,
  state: AgentState,
  since: z.string(),
  /** Number of the run at this offset; 0 before the first run. */
  run: z.int(),
  /** True if the run has answered `initialize`. */
  ready: z.boolean(),
  session_id: z.optional(z.string()),
  model: z.optional(z.string()),
  permission_mode: z.optional(z.string()),
  runtime_version: z.optional(z.string()),
  total_cost_usd: z.optional(z.number()),
  /** Costs in US dollars: the runtime's current count, and its count when the last process ended. */
  meter: z.optional(z.object({ now: z.number(), saved: z.number() })),
  background_tasks: z.optional(z.array(BackgroundTask)),
  pending: z.array(PermissionRequest),
  /** Number of further unanswered requests, which are not in `pending`. */
  pending_omitted: z.optional(z.int()),
  /** The newest requests of this run, whether they were answered or not. */
  asked: z.optional(z.array(z.object({ request_id: z.string(), digest: z.optional(z.string()) }))),
  /** Set if two requests in this run had the same id. */
  ids_reused: z.optional(z.literal(true)),
  /** Inputs that the daemon must still send in response to lines of the current process. */
  due: z.optional(
    z.array(
      z.object({
        id: z.string(),
        kind: z.enum(['prompt', 'control']),
        line: z.string(),
        request_id: z.optional(z.string()),
      }),
    ),
  ),
  /**
   * Ids of unknown requests that are not refused yet. The same requests are in `due`; this copy is for
   * earlier versions.
   */
  unknown_requests: z.optional(z.array(z.string())),
  /** State of the run's conversation, if it has one. */
  conversation: z.optional(z.unknown()),
  /** Number of inputs that the daemon has sent in response to lines of a run. */
  refused: z.optional(z.object({ run: z.int(), count: z.int() })),
  /** Running sub-agents. */
  subagents: z.optional(z.array(z.object({ id: z.string(), description: z.string() }))),
  exit: z.optional(Exit),
  failure: z.optional(
    z.object({
      code: z.string(),
      message: z.string(),
      /** Key in the policy's file, if the code is `policy`. */
      path: z.optional(z.string()),
      remedy: z.optional(z.string()),
    }),
  ),
  /** Reason that the current process gave for not starting. */
  start_refused: z.optional(z.object({ reason: z.optional(z.string()), message: z.optional(z.string()) })),
  /** Set during a requested stop: reason to report for the agent's exit. */
  stopping: z.optional(z.enum(['stopped', 'rebooted'])),
  /** True if the agent's process ended, or is being ended, during a turn. */
  interrupted: z.optional(z.boolean()),
  /** The current turn: its start, and the time that the agent has worked on it, in ms. */
  turn: z.optional(z.object({ since: z.string(), worked_ms: z.number() })),
  /** Reason why a restart left the agent idle instead of continuing its turn, as a sentence. */
  turn_interrupted: z.optional(z.string()),
  turn_failed: z.optional(TurnFailure),
  problems: z.optional(z.array(AgentProblem)),
  /** Running hooks. */
  hooks: z.optional(z.array(z.object({ id: z.string(), name: z.string(), since: z.string() }))),
  /** Failure of the model's service, and the time (ISO 8601) at which the daemon stops reporting the failure. */
  retry: z.optional(z.object({ until: z.string(), detail: z.string() })),
  /** While requests are rejected: the last report about a limit of the account. */
  rejected: z.optional(z.object({ limit: z.optional(z.string()), until: z.optional(z.string()) })),
  /** The newest turn that the usage limit of the account has ended. */
  limit: z.optional(
    z.object({
      /** Offset of the line that ended the turn. */
      at: Offset,
      /** Times are ISO 8601. */
      since: z.string(),
      until: z.optional(z.string()),
      /** True if the turn was the first one after an earlier limit. */
      again: z.optional(z.literal(true)),
      /** Start of the next turn. */
      tried: z.optional(z.string()),
      /** Time of the model's first answer in this turn. */
      lifted: z.optional(z.string()),
      /** Number of turns after the limit that an outage of the model's service ended. */
      outages: z.optional(z.int()),
      /** End of the last of these turns. */
      outage_at: z.optional(z.string()),
    }),
  ),
  /** The agent's newest replies, so that a repeated command gets the same result. */
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

/** State of a conversation before the line at `at`. */
export const Checkpoint = z.object({ at: Offset, state: z.unknown() })
export type Checkpoint = z.infer<typeof Checkpoint>

/** `cursor.json`: journal position of the server, and the journal's snapshot. */
export const CursorRecord = z.object({
  version: z.literal(1),
  acked: Offset,
  /** Offset of the first journal byte still on disk. */
  begin: Offset,
  snapshot: Snapshot,
  /**
   * States of the conversation at several offsets, from which later lines can be read again. Absent if the
   * conversation has no state.
   */
  checkpoints: z.optional(z.array(Checkpoint)),
  /**
   * `known`: number of journal bytes that the last server certainly had; `told`: number of journal bytes sent
   * to it. Absent during a connection.
   */
  apart: z.optional(
    z.object({
      known: Offset,
      told: Offset,
      boot_id: z.string(),
      /**
       * Identity of the agent's files (see `server-copy.ts`). Absent in records of earlier versions, and if
       * there is no journal.
       */
      file: z.optional(z.string()),
    }),
  ),
})
export type CursorRecord = z.infer<typeof CursorRecord>
