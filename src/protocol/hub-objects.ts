import * as z from 'zod/mini'
import { CommandError } from './errors.ts'
import { AgentId, CommandId, GroupName, Labels, MachineId, MachineName } from './ids.ts'
import { secret } from './secrets.ts'
import { AgentStatus, MachineStatus } from './status.ts'

// Schemas of the hub's API, except those that contain commands or events: creating the schemas of all commands
// and events takes a client longer than most requests.

export const HubMachine = z.object({
  machine_id: z.string(),
  /** Name for people, from enrollment or a rename; otherwise the host name. Absent from older hubs. */
  name: z.optional(z.string()),
  hostname: z.string(),
  /** Group in which people have put the machine. Rollouts update machines by group. */
  group: z.optional(z.string()),
  /** Labels that people have set at the hub. */
  labels: z.optional(z.record(z.string(), z.string())),
  /** Labels that the machine reports about itself. They never change its group. */
  own_labels: z.optional(z.record(z.string(), z.string())),
  os: z.string(),
  arch: z.string(),
  daemon_version: z.string(),
  connected: z.boolean(),
  /** Time since which the machine has been connected or disconnected (ISO 8601). */
  since: z.string(),
  /** Number of the machine's agents on the hub, with or without a status. Only in the list of machines. */
  agents: z.optional(z.int()),
  /** Total size of the histories of the machine's agents, in bytes. Only in the list of machines. */
  history_bytes: z.optional(z.int()),
  status: MachineStatus,
})
export type HubMachine = z.infer<typeof HubMachine>

export const HubAgent = z.object({
  ...AgentStatus.shape,
  machine_id: z.string(),
  /** The `name` of the machine. */
  machine_name: z.optional(z.string()),
  /** True if the machine is connected now. If false, the status is the last known status. */
  connected: z.boolean(),
  /** True if the machine no longer has the agent, and only the agent's history on the hub remains. */
  gone: z.optional(z.boolean()),
  /** True if the agent was not started through this hub, but only reported by its machine. */
  claimed: z.optional(z.boolean()),
  /** Offset up to which the hub has the agent's journal. */
  offset: z.int(),
})
export type HubAgent = z.infer<typeof HubAgent>

/** Moves an agent with its history to the machine to which the agent's state folder was moved. */
export const MoveRequest = z.object({ machine_id: MachineId })
export type MoveRequest = z.infer<typeof MoveRequest>

/** Renames a machine. */
export const RenameRequest = z.object({ name: MachineName })
export type RenameRequest = z.infer<typeof RenameRequest>

/** Requests a token with which one machine can enroll. */
export const EnrolmentRequest = z.object({
  /** Name of the machine. Default: its host name. */
  name: z.optional(MachineName),
  /** Group and labels of the machine. */
  group: z.optional(GroupName),
  labels: z.optional(Labels),
  /** Lifetime of the token, in seconds. */
  expires_in_s: z._default(z.int().check(z.minimum(60), z.maximum(604_800)), 3600),
})
export type EnrolmentRequest = z.infer<typeof EnrolmentRequest>

export const Enrolment = z.object({
  /** Secret; the hub does not store it. Valid once. */
  token: secret(z.string()),
  name: z.optional(z.string()),
  expires_at: z.string(),
})
export type Enrolment = z.infer<typeof Enrolment>

/** A token as the hub stores it, without its secret. */
export const HubToken = z.object({
  /** Beginning of the token's SHA-256, in hexadecimal. */
  token_id: z.string(),
  /** Name that the machine gets when it enrolls. Absent if the machine gets its host name. */
  name: z.optional(z.string()),
  /** Group and labels that the machine gets. */
  group: z.optional(z.string()),
  labels: z.optional(z.record(z.string(), z.string())),
  created_at: z.string(),
  expires_at: z.string(),
  /** Name of the user key that created the token. */
  by: z.optional(z.string()),
  /** True if a machine has enrolled with the token. No other machine can then use the token. */
  used: z.boolean(),
  /** Id of the key of the machine that enrolled with the token. */
  key_id: z.optional(z.string()),
})
export type HubToken = z.infer<typeof HubToken>

/**
 * A machine's request to enroll, with a key that it created. If the machine repeats the request unchanged,
 * the hub gives the same answer.
 */
export const EnrollRequest = z.object({
  token: secret(z.string()),
  /** SHA-256 of the machine's key, in hexadecimal. The key is `fmk_` and 32 random bytes in base64url. */
  key_sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  hostname: z.string().check(z.minLength(1), z.maxLength(255)),
  /** Machine to which the key is bound. Default: the first machine that connects with the key. */
  machine_id: z.optional(MachineId),
})
export type EnrollRequest = z.infer<typeof EnrollRequest>

export const EnrollAnswer = z.object({
  /** Name of the machine. */
  name: z.string(),
  /**
   * True if the key is bound to the requested machine. False if the hub already knows the machine, and the
   * request did not contain the machine's previous key.
   */
  bound: z.optional(z.boolean()),
})
export type EnrollAnswer = z.infer<typeof EnrollAnswer>

/** Asks whether a machine could enroll, or has enrolled. */
export const EnrollCheck = z.object({
  token: secret(z.string()),
  /** SHA-256 of the machine's existing key, if it has one. */
  key_sha256: z.optional(z.string().check(z.regex(/^[0-9a-f]{64}$/))),
  /**
   * Id of the machine, if the machine knows its id. The hub then does not accept the key of another machine.
   */
  machine_id: z.optional(MachineId),
})
export type EnrollCheck = z.infer<typeof EnrollCheck>

export const EnrollChecked = z.object({
  /**
   * True if the hub already accepts the machine's key, so that the machine needs no token. If false, the
   * machine can enroll with the token, which is valid.
   */
  enrolled: z.boolean(),
  /** Current or future name of the machine. */
  name: z.optional(z.string()),
})
export type EnrollChecked = z.infer<typeof EnrollChecked>

export const Outcome = z.object({
  command_id: CommandId,
  agent_id: z.optional(AgentId),
  machine_id: z.string(),
  /** Name of the key that gave the command. Absent from older hubs. */
  by: z.optional(z.string()),
  state: z.enum(['pending', 'succeeded', 'failed']),
  /** Progress of a running update. */
  progress: z.optional(z.object({ stage: z.string(), message: z.optional(z.string()) })),
  /** For a command that succeeded: the fields of its result. */
  result: z.optional(z.record(z.string(), z.unknown())),
  error: z.optional(CommandError),
})
export type Outcome = z.infer<typeof Outcome>
