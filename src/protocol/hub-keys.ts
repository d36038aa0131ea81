import * as z from 'zod/mini'
import { MachineId, MachineName } from './ids.ts'
import { secret } from './secrets.ts'

/** What a key of people allows: reading; also orders to agents; also machines, keys, updates. Each includes the one before. */
export const USER_ROLES = ['viewer', 'operator', 'admin'] as const
export type UserRole = (typeof USER_ROLES)[number]

/** A key as the hub knows it, without the key itself. */
export const HubKey = z.object({
  /** Beginning of its sha256, in hexadecimal. */
  key_id: z.string(),
  /** `machine` for one that connects a machine, else a `UserRole`, or what a newer hub calls it. */
  role: z.string(),
  name: z.string(),
  created_at: z.string(),
  /** The hub's own, with a file in its folder. */
  local: z.boolean(),
  /** Of a machine's key: the machines that may connect with it. Empty until one has, where enrolling named none. */
  machines: z.array(z.string()),
  /** Whether it has been used: by a machine to connect, or by people for a request. */
  used: z.boolean(),
  /** Whether it is from before keys were bound, and several machines have used it. */
  shared: z.boolean(),
})
export type HubKey = z.infer<typeof HubKey>

/** Says which machine a key is for. */
export const BindRequest = z.object({ machine_id: MachineId })
export type BindRequest = z.infer<typeof BindRequest>

/** Asks for a new key. */
export const KeyRequest = z.object({
  /** What it is called in lists, in the audit log, and in `by` of commands. No other key of people has it. */
  name: MachineName,
  /** A `UserRole`, or `machine`. */
  role: z.string().check(z.maxLength(64)),
  /** Of a machine's key: the machine it is for. Default: the first that connects with it. */
  machine_id: z.optional(MachineId),
})
export type KeyRequest = z.infer<typeof KeyRequest>

/** A key that was made, for the first time or in place of another. */
export const NewKey = z.extend(HubKey, {
  /** Secret; the hub does not keep it. Absent for the hub's own, which are in their files. */
  key: secret(z.optional(z.string())),
})
export type NewKey = z.infer<typeof NewKey>
