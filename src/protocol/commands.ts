import * as z from 'zod/mini'
import { JsonObject, list, Name, ReportedName, ReportedPath, table, Words } from './bounds.ts'
import { Content } from './content.ts'
import { AbsolutePath, AgentId, CommandId, Json, Uuid, VersionOrTag } from './ids.ts'
import { secret } from './secrets.ts'
import { Signed } from './signed.ts'
import { AgentSpec } from './spec.ts'
import { InnerPath, WorkspaceChanges, WorkspaceFile } from './workspace.ts'

const command = {
  command_id: CommandId,
  /** Name of the key, person or program that gave the command, for the machine's log. */
  by: z.optional(ReportedName),
  /** Required if the machine's policy demands signatures. */
  signed: z.optional(Signed),
}
const agent = { ...command, agent_id: AgentId }

/**
 * The `digest` of the answered request. If the request has another digest now, the daemon refuses the answer.
 */
const digest = z.optional(Name)

const Answer = z.union([Words, z.number(), z.boolean(), list(Words)])

/**
 * Commands from a server, by message type. The daemon answers each command with `<type>:result` and the same
 * `command_id`.
 */
export const Commands = {
  'agent:start': z.object({ type: z.literal('agent:start'), ...agent, spec: AgentSpec }),
  'agent:prompt': z.object({ type: z.literal('agent:prompt'), ...agent, content: Content }),
  'agent:interrupt': z.object({
    type: z.literal('agent:interrupt'),
    ...agent,
    /** True to also drop the prompts that wait in the queue. */
    cancel_queued: z._default(z.boolean(), false),
  }),
  /** Takes back a prompt that the agent has not taken yet. */
  'agent:withdraw': z.object({
    type: z.literal('agent:withdraw'),
    ...agent,
    /** Id of the prompt, from `waiting_prompts` or from the result of the command that gave the prompt. */
    prompt_id: Uuid,
  }),
  'agent:permission': z.object({
    type: z.literal('agent:permission'),
    ...agent,
    request_id: Name,
    digest,
    decision: z.enum(['allow', 'deny']),
    /** With `allow`: the request's tool. If the pending request has another tool, the answer is refused. */
    tool: z.optional(ReportedName),
    /** With `allow`: input that replaces the input in the request. */
    input: z.optional(JsonObject),
    /** With `deny`: message to the agent. */
    message: z.optional(Words),
    /** With `deny`: true to end the turn as well. */
    interrupt: z.optional(z.boolean()),
    /** With `allow`: the entries of the request's `suggestions` to remember. */
    remember: z.optional(list(Json)),
  }),
  'agent:answer': z.object({
    type: z.literal('agent:answer'),
    ...agent,
    request_id: Name,
    digest,
    /**
     * Question text → answer: an option's label, several labels joined by ", ", or free text. For a form, a
     * key may also be the name of a field, with the value of that field. An answer may be a password.
     */
    answers: secret(z._default(table(Words, Answer), {})),
    /** For a form: `accept` (the default), `decline` or `cancel`. */
    action: z.optional(Name),
  }),
  'agent:configure': z.object({
    type: z.literal('agent:configure'),
    ...agent,
    model: z.optional(Name.check(z.minLength(1))),
    permission_mode: z.optional(Name.check(z.minLength(1))),
    /**
     * The same as `on_limit` in `AgentSpec`. The new value also applies to a limit that is already reached.
     */
    on_limit: z.optional(Name.check(z.minLength(1))),
  }),
  'agent:stop': z.object({
    type: z.literal('agent:stop'),
    ...agent,
    /**
     * Seconds to wait after each of the first three steps of a stop: interrupt, end of the session, SIGTERM.
     * The last step is SIGKILL.
     */
    grace_s: z.optional(z.number().check(z.minimum(0), z.maximum(600))),
  }),
  /** Starts an ended agent again, in its last session. */
  'agent:resume': z.object({
    type: z.literal('agent:resume'),
    ...agent,
    session_id: z.optional(Uuid),
    prompt: z.optional(Content),
  }),
  /** Removes an agent and deletes its folder. With `force`, a running agent is stopped first. */
  'agent:remove': z.object({
    type: z.literal('agent:remove'),
    ...agent,
    force: z._default(z.boolean(), false),
  }),
  /** Merges the branch of an agent's working tree into the branch that was checked out in the repository. */
  'agent:merge': z.object({ type: z.literal('agent:merge'), ...agent }),
  /**
   * Removes the working tree of an ended agent, and the branch that was made with it. Refuses to remove changes
   * that are not committed or not merged, and ignored files that no tool makes again, unless `force` is true.
   */
  'agent:discard': z.object({
    type: z.literal('agent:discard'),
    ...agent,
    force: z._default(z.boolean(), false),
  }),
  /** Reads the changes in the folders of an agent. */
  'workspace:diff': z.object({
    type: z.literal('workspace:diff'),
    ...agent,
    /** `head`: since the commit that is checked out. `start`: since the agent's start. */
    since: z._default(Name, 'head'),
    /** Only files with these paths, and files below them. */
    paths: z.optional(list(InnerPath, 1000)),
    /** True to leave out the lines of the files. */
    stat: z._default(z.boolean(), false),
    /** The `next` of the page before. */
    after: z.optional(Name),
  }),
  /** Reads lines of a file in the folders of an agent. */
  'workspace:file': z.object({
    type: z.literal('workspace:file'),
    ...agent,
    path: InnerPath,
    /** The agent's folder that contains the file. Default: its working directory. */
    folder: z.optional(AbsolutePath),
    from_line: z._default(z.int().check(z.minimum(1)), 1),
    /** Maximum number of lines. */
    lines: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 1000),
  }),
  /** Checks the runtimes, their versions, and their logins again, and reports the machine's status. */
  'machine:check': z.object({ type: z.literal('machine:check'), ...command }),
  /**
   * Restarts the daemon. Restarts the daemon. Agents keep running. Agents that would end together with the
   * daemon are stopped and resumed.
   */
  'daemon:restart': z.object({ type: z.literal('daemon:restart'), ...command }),
  /**
   * Installs another version of the daemon in place. An update affects agents in the same way as a restart.
   */
  'daemon:update': z.object({
    type: z.literal('daemon:update'),
    ...command,
    /** An exact version or a dist-tag. */
    version: z._default(VersionOrTag, 'latest'),
    allow_downgrade: z._default(z.boolean(), false),
  }),
} as const

export type CommandType = keyof typeof Commands

export type CommandOf<T extends CommandType> = z.infer<(typeof Commands)[T]>
export type Command = { [T in CommandType]: CommandOf<T> }[CommandType]

/** Fields of successful results, in addition to `command_id` and `ok`. */
export const Results = {
  'agent:start': z.object({ pid: z.optional(z.int()), prompt_id: z.optional(Uuid) }),
  'agent:prompt': z.object({ prompt_id: Uuid }),
  /** `idle`: true if there was no turn to interrupt. */
  'agent:interrupt': z.object({ idle: z.optional(z.boolean()) }),
  'agent:withdraw': z.object({}),
  'agent:permission': z.object({}),
  'agent:answer': z.object({}),
  'agent:configure': z.object({}),
  'agent:stop': z.object({ code: z.optional(z.int()), signal: z.optional(ReportedName) }),
  'agent:resume': z.object({ run: z.int(), prompt_id: z.optional(Uuid) }),
  'agent:remove': z.object({
    /** The agent's working tree, if it still exists. The machine keeps it. */
    worktree: z.optional(z.object({ path: ReportedPath, branch: ReportedName, repository: ReportedPath })),
  }),
  'agent:merge': z.object({
    branch: ReportedName,
    onto: ReportedName,
    /** Commit of the branch `onto` after the merge. */
    commit: ReportedName,
    /** `fast-forward`, `merge`, or `none` if there was nothing to merge. */
    how: ReportedName,
  }),
  'agent:discard': z.object({}),
  'workspace:diff': WorkspaceChanges,
  'workspace:file': WorkspaceFile,
  'machine:check': z.object({}),
  'daemon:restart': z.object({ restart_strategy: z.enum(['self', 'supervisor_required']) }),
  'daemon:update': z.object({
    mode: z.enum(['global', 'user-prefix']),
    restart_strategy: z.enum(['self', 'supervisor_required']),
    from_version: ReportedName,
    to_version: ReportedName,
    path: z.optional(ReportedPath),
    duration_ms: z.number(),
  }),
} as const satisfies Record<CommandType, z.ZodMiniType>

export type ResultOf<T extends CommandType> = z.infer<(typeof Results)[T]>
