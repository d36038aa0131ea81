import * as z from 'zod/mini'

/** The key whose text is in the hub's folder, for daemons and people on this machine. */
export const LOCAL = 'local'

const Entry = z.object({
  /** `machine`: connects a machine. `user`: uses the HTTP API. */
  role: z.enum(['machine', 'user']),
  name: z.string(),
  created_at: z.string(),
  sha256: z.string(),
  /** Of a machine's own key: the machine that has used it last, as hubs from before `machines` know it. */
  machine_id: z.optional(z.string()),
  /** Of a machine's own key: whether `name` was chosen, or is the host name at that time. */
  named: z.optional(z.boolean()),
  /** The machines that may connect with it, where that is not just `machine_id`. */
  machines: z.optional(z.array(z.string())),
  /**
   * Whether it is one machine's only: of `machines`, or of the first to use it where that is empty. Absent for a key from
   * before keys were bound, which machines known at that time may have shared.
   */
  bound: z.optional(z.boolean()),
  /** First use, or when it was bound to a machine that had used it before. */
  used_at: z.optional(z.string()),
  /** The machine that showed its key to get this one: it may change over to it. */
  heir_of: z.optional(z.string()),
})
export type Entry = z.infer<typeof Entry>
export type Role = Entry['role']

/** `keys.json`: the hub knows keys by their hashes only. */
export const KeysFile = z.object({ version: z.literal(1), keys: z.array(Entry) })

/** A machine may be called the same. */
export const isLocal = ({ name, named, machine_id }: Entry) =>
  name === LOCAL && named === undefined && machine_id === undefined

/** The machines that may connect with a key. */
export const machinesOf = ({ machines, machine_id }: Entry): readonly string[] =>
  machines ?? (machine_id === undefined ? [] : [machine_id])

/** What names a key to people: the beginning of its hash. */
export const keyId = ({ sha256 }: Pick<Entry, 'sha256'>) => idOf(sha256)

/** The beginning of a hash, by which people know a key or a token. */
export const idOf = (sha256: string) => sha256.slice(0, 12)

/** Makes a key that of these machines. */
export function assign(entry: Entry, machines: readonly string[], bound?: boolean) {
  entry.machines = [...machines]
  if (bound !== undefined) entry.bound = bound
  const last = machines.at(-1)
  if (isLocal(entry)) return
  if (last === undefined) delete entry.machine_id
  else entry.machine_id = last
}
