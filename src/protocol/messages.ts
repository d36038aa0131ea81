import * as z from 'zod/mini'
import { firstOf, list, Name, ToldName, ToldSentence, table, Words } from './bounds.ts'
import { closed } from './closed.ts'
import { CommandError, RefusalCode } from './errors.ts'
import { AnyEvent } from './events.ts'
import { AgentId, CommandId, JournalName, Json, MachineId, Offset, VersionOrTag } from './ids.ts'
import { Limits } from './limits.ts'
import { AgentStatus, MachineStatus } from './status.ts'

/**
 * First message on a connection, from the daemon. A server reads `protocol` before anything else and leniently: a
 * daemon too old for it can then still be told so, and which version to update to.
 */
export const Hello = z.object({
  type: z.literal('machine:hello'),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
  machine_id: MachineId,
  /** Distinguishes the daemon processes of one machine: the newest connection wins. */
  instance_id: ToldName,
  hostname: ToldName,
  os: ToldName,
  arch: ToldName,
  daemon_version: ToldName,
  node_version: ToldName,
  pid: z.int(),
  started_at: ToldName,
  boot_id: ToldName,
  capabilities: firstOf(ToldName, Limits.items),
  machine: MachineStatus,
  agents: z.array(AgentStatus),
})
export type Hello = z.infer<typeof Hello>

/** The server's answer to `machine:hello`: from here the link is live. */
export const Welcome = z.object({
  type: z.literal('server:welcome'),
  protocol: z.object({ version: z.int() }),
  server_version: z._default(Name, ''),
  capabilities: z._default(list(Name), []),
  /** How far the server has each agent's journal. Agents left out start at 0. */
  offsets: z._default(table(Name, Offset), {}),
  /** Of which generation what the server has of a journal ends; those of the first generation are left out. */
  journals: z.optional(table(Name, JournalName)),
  heartbeat_ms: z.optional(z.int().check(z.minimum(100))),
})
export type Welcome = z.infer<typeof Welcome>

export const Refuse = z.object({
  type: z.literal('server:refuse'),
  code: z.union([RefusalCode, Name]),
  message: Words,
  /** Not before so many seconds. */
  retry_after_s: z.optional(z.number()),
  /**
   * The version to update to, where the protocol's version was the reason. One that is neither a version nor a dist-tag
   * counts as left out: the refusal holds all the same.
   */
  update_to: z.catch(z.optional(VersionOrTag), undefined),
})
export type Refuse = z.infer<typeof Refuse>

/** Journal bytes `[from, to)` of one agent, as events. Frames of one agent come in order and without gaps. */
export const Activity = z.object({
  type: z.literal('agent:activity'),
  agent_id: AgentId,
  from: Offset,
  to: Offset,
  /** Generation of the journal that these bytes belong to; absent for the first. */
  journal: z.optional(JournalName),
  events: z.array(AnyEvent),
})
export type Activity = z.infer<typeof Activity>

/** How far the server has each journal on its own disk. Cumulative; a repeated or older one changes nothing. */
export const Ack = z.object({ type: z.literal('agent:ack'), offsets: table(Name, Offset) })
export type Ack = z.infer<typeof Ack>

/**
 * The server misses something: the daemon goes on from `from`. Sent for a frame whose `from` lies beyond what the server
 * has, unless it is the agent's `begin`: what came before that is on no disk any more.
 */
export const Resend = z.object({ type: z.literal('agent:resend'), agent_id: AgentId, from: Offset })
export type Resend = z.infer<typeof Resend>

const ResultType = z.templateLiteral([z.string(), ':result'])

/** `<command type>:result`. */
export const CommandResult = z.union([
  z.looseObject({
    type: ResultType,
    command_id: CommandId,
    ok: z.literal(true),
  }),
  z.object({
    type: ResultType,
    command_id: CommandId,
    ok: z.literal(false),
    error: CommandError,
  }),
])
export type CommandResult = z.infer<typeof CommandResult>

export const UpdateProgress = z.object({
  type: z.literal('daemon:update:progress'),
  command_id: CommandId,
  stage: closed(
    ['resolve', 'download', 'verify', 'stage', 'prove', 'switch', 'relaunch', 'confirm'],
    'stage',
  ),
  message: z.optional(ToldSentence),
})
export type UpdateProgress = z.infer<typeof UpdateProgress>

/** Says that a frame could not be taken, and why. The link stays up. */
export const ProtocolError = z.object({
  type: z.literal('protocol:error'),
  code: closed(['not_json', 'not_text', 'too_large', 'invalid', 'unexpected'], 'invalid'),
  message: ToldSentence,
  /** Where in the frame. */
  path: z.optional(ToldSentence),
  /** The `type` and `command_id` of the frame at fault, where they could be read. */
  of_type: z.optional(ToldName),
  command_id: z.optional(ToldName),
  /** The limit of the machine that the frame exceeds: `agents`, `history_bytes`, `in_flight_bytes`, or another. */
  limit: z.optional(ToldName),
})
export type ProtocolError = z.infer<typeof ProtocolError>

export const Ping = z.object({ type: z.literal('link:ping'), nonce: z.optional(Json) })
export const Pong = z.object({ type: z.literal('link:pong'), nonce: z.optional(Json) })
export const AgentStatusMessage = z.object({ type: z.literal('agent:status'), ...AgentStatus.shape })
export const AgentRemoved = z.object({ type: z.literal('agent:removed'), agent_id: AgentId })
export const MachineStatusMessage = z.object({ type: z.literal('machine:status'), ...MachineStatus.shape })

/** Daemon → server, beside the results of commands. */
export const FromDaemon = {
  'machine:hello': Hello,
  'machine:status': MachineStatusMessage,
  'agent:status': AgentStatusMessage,
  'agent:removed': AgentRemoved,
  'agent:activity': Activity,
  'daemon:update:progress': UpdateProgress,
  'protocol:error': ProtocolError,
  'link:ping': Ping,
  'link:pong': Pong,
} as const
export type FromDaemon =
  | { [T in keyof typeof FromDaemon]: z.infer<(typeof FromDaemon)[T]> }[keyof typeof FromDaemon]
  | CommandResult

/** Server → daemon, beside the commands. */
export const FromServer = {
  'server:welcome': Welcome,
  'server:refuse': Refuse,
  'agent:ack': Ack,
  'agent:resend': Resend,
  'protocol:error': ProtocolError,
  'link:ping': Ping,
  'link:pong': Pong,
} as const
export type FromServer = {
  [T in keyof typeof FromServer]: z.infer<(typeof FromServer)[T]>
}[keyof typeof FromServer]
