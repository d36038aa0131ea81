import * as z from 'zod/mini'
import { AgentId, AgentStatus, MachineStatus } from '../../protocol/index.ts'

/** Identifies an agent: ids are unique only within a machine. */
export interface AgentRef {
  machine_id: string
  agent_id: string
}

/** An agent in the store, without its journal. */
export const AgentRecord = z.object({
  version: z.literal(1),
  agent_id: AgentId,
  machine_id: z.string(),
  /** True if the agent's machine no longer lists the agent. */
  gone: z.boolean(),
  /** Absent until the machine reports a status, because activity may arrive before the status. */
  status: z.optional(AgentStatus),
  /**
   * True if the agent was started or moved through this hub; false if its machine only reported the agent.
   * Absent in records of older hubs.
   */
  ordered: z.optional(z.boolean()),
})

/** An agent, with the key that identifies it in the store. */
export type AgentRecord = z.infer<typeof AgentRecord> & { readonly key: string }

/** A machine in the store. */
export const MachineRecord = z.object({
  machine_id: z.string(),
  hostname: z.string(),
  /**
   * Name that a user chose for the machine, if the machine has no enrolled key. For a machine with an
   * enrolled key, the entry of the key contains the name.
   */
  name: z.optional(z.string()),
  /** Group in which people have put the machine. */
  group: z.optional(z.string()),
  /** Labels that people have set. */
  labels: z.optional(z.record(z.string(), z.string())),
  /** Labels that the machine reports about itself. */
  own_labels: z.optional(z.record(z.string(), z.string())),
  os: z.string(),
  arch: z.string(),
  daemon_version: z.string(),
  since: z.string(),
  status: MachineStatus,
})
export type MachineRecord = z.infer<typeof MachineRecord>

/** A user key with a role in the store. */
export const UserKeyEntry = z.object({
  name: z.string(),
  /** A `UserRole`; an unknown role allows nothing. */
  role: z.string(),
  created_at: z.string(),
  sha256: z.string(),
  /** Time of first use. */
  used_at: z.optional(z.string()),
})
export type UserKeyEntry = z.infer<typeof UserKeyEntry>

/** An enrollment token in the store. It is valid for one machine. */
export const EnrollmentRecord = z.object({
  sha256: z.string(),
  name: z.optional(z.string()),
  /** Group and labels of the machine. */
  group: z.optional(z.string()),
  labels: z.optional(z.record(z.string(), z.string())),
  created_at: z.string(),
  expires_at: z.string(),
  /** Name of the user key that created it. */
  by: z.optional(z.string()),
  /** Hash of the machine key that was enrolled with it. */
  used_for: z.optional(z.string()),
  /**
   * True if the list of keys may lack the enrolled key. If so, only a request with the same key may use the
   * token again.
   */
  unfinished: z.optional(z.boolean()),
})
export type EnrollmentRecord = z.infer<typeof EnrollmentRecord>

/** A browser's session in the store. */
export const SessionRecord = z.object({
  session_id: z.string(),
  /** Id of its user key. */
  key_id: z.string(),
  /** Hash of the secret in the header. */
  secret_sha256: z.string(),
  /** Hash of the secret in the cookie. */
  cookie_sha256: z.string(),
  created_at: z.string(),
  /** Time of a request; later requests may not be stored yet. */
  used_at: z.string(),
  expires_at: z.string(),
  from: z.optional(z.string()),
  user_agent: z.optional(z.string()),
})
export type SessionRecord = z.infer<typeof SessionRecord>

/** A browser that gets notifications, in the store. */
export const SubscriptionRecord = z.object({
  subscription_id: z.string(),
  /** Session that made the subscription; absent if a key made it. */
  session_id: z.optional(z.string()),
  /** Address at the push service. */
  endpoint: z.url(),
  p256dh: z.string(),
  auth: z.string(),
  created_at: z.string(),
  user_agent: z.optional(z.string()),
  /** Origin of the console in this browser. */
  origin: z.optional(z.string()),
})
export type SubscriptionRecord = z.infer<typeof SubscriptionRecord>

/** The notifications of a user key in the store. */
export const PushRecord = z.object({
  key_id: z.string(),
  /** Kinds of notifications; absent if the person has not chosen any. */
  kinds: z.optional(z.array(z.string())),
  subscriptions: z.array(SubscriptionRecord),
})
export type PushRecord = z.infer<typeof PushRecord>
