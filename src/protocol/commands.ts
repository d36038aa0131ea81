import * as z from 'zod/mini'
import { JsonObject, list, Name, ToldName, ToldPath, table, Words } from './bounds.ts'
import { Content } from './content.ts'
import { AgentId, CommandId, Json, Uuid, VersionOrTag } from './ids.ts'
import { secret } from './secrets.ts'
import { AgentSpec } from './spec.ts'

const command = {
  command_id: CommandId,
  /** Who ordered it, by the name of a key or otherwise: for the machine's log. Absent where the server does not say. */
  by: z.optional(ToldName),
}
const agent = { ...command, agent_id: AgentId }

/** The `digest` of the request that is answered. A request that has another one by then is not answered. */
const digest = z.optional(Name)

const Answer = z.union([Words, z.number(), z.boolean(), list(Words)])

/** What a server may order, by message type. Each is answered by `<type>:result` with the same `command_id`. */
export const Commands = {
  'agent:start': z.object({ type: z.literal('agent:start'), ...agent, spec: AgentSpec }),
  'agent:prompt': z.object({ type: z.literal('agent:prompt'), ...agent, content: Content }),
  'agent:interrupt': z.object({
    type: z.literal('agent:interrupt'),
    ...agent,
    /** Also drop prompts that are queued behind the interrupted turn. */
    cancel_queued: z._default(z.boolean(), false),
  }),
  'agent:permission': z.object({
    type: z.literal('agent:permission'),
    ...agent,
    request_id: Name,
    digest,
    decision: z.enum(['allow', 'deny']),
    /** With `allow`: use this input instead of the one asked for. */
    input: z.optional(JsonObject),
    /** With `deny`: what the agent is told. */
    message: z.optional(Words),
    /** With `deny`: end the turn as well. */
    interrupt: z.optional(z.boolean()),
    /** With `allow`: some of the request's `suggestions`, to be remembered. */
    remember: z.optional(list(Json)),
  }),
  'agent:answer': z.object({
    type: z.literal('agent:answer'),
    ...agent,
    request_id: Name,
    digest,
    /**
     * Question text → answer: an option's label, several joined by ", ", or free text. Of a form also the name of a
     * field → its value. It may be a password.
     */
    answers: secret(z._default(table(Words, Answer), {})),
    /** Of a form: `accept` (if left out), `decline` or `cancel`. */
    action: z.optional(Name),
  }),
  'agent:configure': z.object({
    type: z.literal('agent:configure'),
    ...agent,
    model: z.optional(Name.check(z.minLength(1))),
    permission_mode: z.optional(Name.check(z.minLength(1))),
  }),
  'agent:stop': z.object({
    type: z.literal('agent:stop'),
    ...agent,
    /** Seconds for each step of the graceful stop: interrupt, end of session, SIGTERM; then SIGKILL. */
    grace_s: z.optional(z.number().check(z.minimum(0), z.maximum(600))),
  }),
  /** Starts an agent that has ended once more, in its own session. */
  'agent:resume': z.object({
    type: z.literal('agent:resume'),
    ...agent,
    session_id: z.optional(Uuid),
    prompt: z.optional(Content),
  }),
  /** Forgets an agent and deletes its folder. With `force` a running one is stopped first. */
  'agent:remove': z.object({
    type: z.literal('agent:remove'),
    ...agent,
    force: z._default(z.boolean(), false),
  }),
  /** Looks again for runtimes, their versions and logins, and reports the machine's status. */
  'machine:check': z.object({ type: z.literal('machine:check'), ...command }),
  /** Starts the daemon anew. Agents run on; what would end with the daemon is stopped, and resumed by the next. */
  'daemon:restart': z.object({ type: z.literal('daemon:restart'), ...command }),
  /** Installs another version of the daemon in place. Agents as with a restart. */
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

/** What a successful result carries beside `command_id` and `ok`. */
export const Results = {
  'agent:start': z.object({ pid: z.optional(z.int()), prompt_id: z.optional(Uuid) }),
  'agent:prompt': z.object({ prompt_id: Uuid }),
  /** `idle`: there was no turn. */
  'agent:interrupt': z.object({ idle: z.optional(z.boolean()) }),
  'agent:permission': z.object({}),
  'agent:answer': z.object({}),
  'agent:configure': z.object({}),
  'agent:stop': z.object({ code: z.optional(z.int()), signal: z.optional(ToldName) }),
  'agent:resume': z.object({ run: z.int(), prompt_id: z.optional(Uuid) }),
  'agent:remove': z.object({}),
  'machine:check': z.object({}),
  'daemon:restart': z.object({ restart_strategy: z.enum(['self', 'supervisor_required']) }),
  'daemon:update': z.object({
    mode: z.enum(['global', 'user-prefix']),
    restart_strategy: z.enum(['self', 'supervisor_required']),
    from_version: ToldName,
    to_version: ToldName,
    path: z.optional(ToldPath),
    duration_ms: z.number(),
  }),
} as const satisfies Record<CommandType, z.ZodMiniType>

export type ResultOf<T extends CommandType> = z.infer<(typeof Results)[T]>
