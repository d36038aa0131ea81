import * as z from 'zod/mini'

/** Name of the hub's own keys. The daemon and users of this machine read these keys in the hub's folder. */
export const LOCAL = 'local'

export const KeyEntry = z.object({
  /** A key with the role `machine` connects a machine; a key with the role `user` is for the HTTP API. */
  role: z.enum(['machine', 'user']),
  name: z.string(),
  created_at: z.string(),
  sha256: z.string(),
  /**
   * The last machine that used the key. This field is for older hubs, which do not know `machines`. Not set
   * for the hub's own key.
   */
  machine_id: z.optional(z.string()),
  /** True if `name` was chosen, false if it is the host name at enrollment. Not set for the hub's own key. */
  named: z.optional(z.boolean()),
  /** Machines that may connect with the key. Default: `machine_id`. */
  machines: z.optional(z.array(z.string())),
  /**
   * True if the key is bound to `machines`. If `machines` is empty, the key is bound to the first machine
   * that uses it. Absent for keys of older hubs, which did not bind keys to machines; several machines may
   * share such a key.
   */
  bound: z.optional(z.boolean()),
  /** Group and labels that the machine got with its enrollment token. */
  group: z.optional(z.string()),
  labels: z.optional(z.record(z.string(), z.string())),
  /** Time of first use, or time at which the key was bound to a machine that had already used it. */
  used_at: z.optional(z.string()),
  /** Machine that may switch to this key, because the machine showed its previous key when it enrolled. */
  heir_of: z.optional(z.string()),
})
export type KeyEntry = z.infer<typeof KeyEntry>
export type Role = KeyEntry['role']

/**
 * Reports whether this is the hub's own key. The name alone is not enough: a machine may have the same name.
 */
export const isLocal = ({ name, named, machine_id }: KeyEntry) =>
  name === LOCAL && named === undefined && machine_id === undefined

/** Returns the machines that may connect with a key. */
export const machinesOf = ({ machines, machine_id }: KeyEntry): readonly string[] =>
  machines ?? (machine_id === undefined ? [] : [machine_id])

/** Returns the id of a key, as shown to people. */
export const keyId = ({ sha256 }: Pick<KeyEntry, 'sha256'>) => idOf(sha256)

/** Returns the id of the key or token with this hash: the beginning of the hash. */
export const idOf = (sha256: string) => sha256.slice(0, 12)

/** Assigns a key to these machines. */
export function assign(entry: KeyEntry, machines: readonly string[], bound?: boolean) {
  entry.machines = [...machines]
  if (bound !== undefined) entry.bound = bound
  const last = machines.at(-1)
  if (isLocal(entry)) return
  if (last === undefined) delete entry.machine_id
  else entry.machine_id = last
}
