import * as z from 'zod/mini'
import { MachineId, MachineName } from './ids.ts'
import { secret } from './secrets.ts'

/**
 * Roles of user keys. A `viewer` reads. An `operator` also commands agents. An `admin` also manages machines,
 * keys, and updates.
 */
export const USER_ROLES = ['viewer', 'operator', 'admin'] as const
export type UserRole = (typeof USER_ROLES)[number]

/** A key as the hub stores it, without its secret. */
export const HubKey = z.object({
  /** Beginning of the key's SHA-256, in hexadecimal. */
  key_id: z.string(),
  /** `machine` for a machine's key; otherwise a `UserRole`, or the role of a newer hub. */
  role: z.string(),
  name: z.string(),
  created_at: z.string(),
  /** True for the hub's own keys. The hub's folder contains a file with the text of each of these keys. */
  local: z.boolean(),
  /**
   * For a machine's key: the machines that may connect with the key. Empty until the first machine is known.
   */
  machines: z.array(z.string()),
  /** True once a machine has connected with the key, or a user has sent a request with it. */
  used: z.boolean(),
  /** True for a key that several machines used before the hub began to bind each key to one machine. */
  shared: z.boolean(),
})
export type HubKey = z.infer<typeof HubKey>

/** Binds a key to a machine. */
export const BindRequest = z.object({ machine_id: MachineId })
export type BindRequest = z.infer<typeof BindRequest>

/** Requests a new key. */
export const KeyRequest = z.object({
  /** Name in lists, in the audit log, and in `by` of commands. Unique among user keys. */
  name: MachineName,
  /** A `UserRole`, or `machine`. */
  role: z.string().check(z.maxLength(64)),
  /**
   * For a machine's key: the machine that may use the key. Default: the first machine that connects with the
   * key.
   */
  machine_id: z.optional(MachineId),
})
export type KeyRequest = z.infer<typeof KeyRequest>

/** A new key, or the replacement of an existing key. */
export const NewKey = z.extend(HubKey, {
  /**
   * Secret; the hub does not store it. Absent for the hub's own keys, whose text is in files of the hub's
   * folder.
   */
  key: secret(z.optional(z.string())),
})
export type NewKey = z.infer<typeof NewKey>
