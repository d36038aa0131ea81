import * as z from 'zod/mini'
import { AnyEvent } from './any-event.ts'
import { firstOf, list, Name, ReportedName, ReportedSentence, table, Words } from './bounds.ts'
import { closed } from './closed.ts'
import { CommandError, RefusalCode } from './errors.ts'
import { AgentId, CommandId, JournalName, Json, Labels, MachineId, Offset, VersionOrTag } from './ids.ts'
import { Limits } from './limits.ts'
import { AgentStatus, MachineStatus } from './status.ts'

/**
 * First message on a connection, from the daemon. A server reads `protocol` first and leniently. It can then
 * refuse a daemon that is too old, and name the version to update to, even if the other fields are invalid.
 */
export const Hello = z.object({
  type: z.literal('machine:hello'),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
  machine_id: MachineId,
  /**
   * Identifies a daemon process of the machine. If a machine has several connections, the newest connection
   * wins.
   */
  instance_id: ReportedName,
  hostname: ReportedName,
  os: ReportedName,
  arch: ReportedName,
  daemon_version: ReportedName,
  node_version: ReportedName,
  pid: z.int(),
  started_at: ReportedName,
  boot_id: ReportedName,
  capabilities: firstOf(ReportedName, Limits.items),
  /** Labels from the machine's own settings. A value that breaks the rules for labels is ignored. */
  labels: z.catch(z.optional(Labels), undefined),
  machine: MachineStatus,
  agents: z.array(AgentStatus),
})
export type Hello = z.infer<typeof Hello>

/** The server's answer to `machine:hello`. After this answer, the link is live. */
export const Welcome = z.object({
  type: z.literal('server:welcome'),
  protocol: z.object({ version: z.int() }),
  server_version: z._default(Name, ''),
  capabilities: z._default(list(Name), []),
  /** Offset up to which the server has each agent's journal. Omitted agents start at 0. */
  offsets: z._default(table(Name, Offset), {}),
  /** Generation of the server's copy of each journal; omitted for a copy whose generation has no name. */
  journals: z.optional(table(Name, JournalName)),
  heartbeat_ms: z.optional(z.int().check(z.minimum(100))),
})
export type Welcome = z.infer<typeof Welcome>

export const Refuse = z.object({
  type: z.literal('server:refuse'),
  code: z.union([RefusalCode, Name]),
  message: Words,
  /** Minimum delay before the next attempt, in seconds. */
  retry_after_s: z.optional(z.number()),
  /**
   * Version to update to, if the daemon is refused because of its protocol version. A value that is neither a
   * version nor a dist-tag is ignored, but the refusal is still valid.
   */
  update_to: z.catch(z.optional(VersionOrTag), undefined),
})
export type Refuse = z.infer<typeof Refuse>

/**
 * Journal bytes `[from, to)` of an agent, as events. The frames of an agent arrive in order and without gaps.
 */
export const Activity = z.object({
  type: z.literal('agent:activity'),
  agent_id: AgentId,
  from: Offset,
  to: Offset,
  /** Generation of the journal to which these bytes belong, if it has a name. */
  journal: z.optional(JournalName),
  events: z.array(AnyEvent),
})
export type Activity = z.infer<typeof Activity>

/**
 * Offsets up to which the server has stored journals. Acknowledgments are cumulative. A repeated or lower
 * offset changes nothing.
 */
export const Ack = z.object({ type: z.literal('agent:ack'), offsets: table(Name, Offset) })
export type Ack = z.infer<typeof Ack>

/**
 * Tells the daemon that the server does not have the bytes from `from` on. The daemon then continues from
 * `from`. The server sends this message when the `from` of a frame is beyond the server's copy, unless `from`
 * is the agent's `begin`. Bytes before `begin` no longer exist.
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
  message: z.optional(ReportedSentence),
})
export type UpdateProgress = z.infer<typeof UpdateProgress>

/** Answer to a frame that cannot be accepted, with the reason. The link stays up. */
export const ProtocolError = z.object({
  type: z.literal('protocol:error'),
  code: closed(['not_json', 'not_text', 'too_large', 'invalid', 'unexpected'], 'invalid'),
  message: ReportedSentence,
  /** Path of the invalid field in the frame. */
  path: z.optional(ReportedSentence),
  /** The `type` and `command_id` of the invalid frame, if they could be read. */
  of_type: z.optional(ReportedName),
  command_id: z.optional(ReportedName),
  /** The machine's limit that the frame exceeds: `agents`, `history_bytes`, `in_flight_bytes`, or another. */
  limit: z.optional(ReportedName),
})
export type ProtocolError = z.infer<typeof ProtocolError>

/** Any JSON. Its length is limited, because the receiver sends it back. */
const Nonce = Json.check(
  z.refine((nonce) => (JSON.stringify(nonce) ?? '').length <= Limits.name_chars, {
    error: `Too big: expected at most ${Limits.name_chars} characters of JSON`,
  }),
)
export const Ping = z.object({ type: z.literal('link:ping'), nonce: z.optional(Nonce) })
export const Pong = z.object({ type: z.literal('link:pong'), nonce: z.optional(Nonce) })
export const AgentStatusMessage = z.object({ type: z.literal('agent:status'), ...AgentStatus.shape })
export const AgentRemoved = z.object({ type: z.literal('agent:removed'), agent_id: AgentId })
export const MachineStatusMessage = z.object({ type: z.literal('machine:status'), ...MachineStatus.shape })

/** Messages from the daemon to the server, except the results of commands. */
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

/** Messages from the server to the daemon, except commands. */
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
