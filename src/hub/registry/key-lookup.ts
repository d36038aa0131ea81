import type { HubKey } from '../../protocol/index.ts'
import { isLocal, type KeyEntry, keyId, machinesOf } from '../store/key-entry.ts'
import { KeyIndex } from '../store/key-index.ts'
import type { KeyLists } from '../store/keys.ts'
import { hashShown } from './bearer.ts'

/**
 * Answers questions about the machine keys. Methods that do not return a promise use the lists as of the last
 * refresh.
 */
export class KeyLookup {
  protected readonly lists: KeyLists
  readonly #byMachine = new KeyIndex<KeyEntry>((entry) => (entry.role === 'machine' ? machinesOf(entry) : []))

  /** The list with the number `revision`. */
  #numbered: readonly KeyEntry[] | undefined
  #revision = 0

  constructor(lists: KeyLists) {
    this.lists = lists
  }

  /** Number of the list of keys. It changes whenever a key changes, which may also change a machine's name. */
  get revision(): number {
    const all = this.lists.list.all()
    if (this.#numbered !== all) this.#revision++
    this.#numbered = all
    return this.#revision
  }

  /** Reads the lists again if another program has changed them. */
  refresh(): Promise<void> {
    return this.lists.refresh()
  }

  /** Returns the hash of the key in an Authorization header; undefined if the key is not accepted now. */
  async accepts(authorization: string | undefined): Promise<string | undefined> {
    await this.lists.refresh()
    return this.shown(authorization)?.sha256
  }

  /** Reports whether a key is accepted for a machine now. */
  async acceptsFor(hash: string, machineId: string): Promise<boolean> {
    await this.lists.refresh()
    return this.isFor(hash, machineId)
  }

  /** Returns the name of a machine key; undefined if the key is not accepted. */
  machineKeyName(hash: string): string | undefined {
    return this.find(hash)?.name
  }

  /** Reports whether a key is accepted for a machine. */
  isFor(hash: string, machineId: string): boolean {
    const entry = this.find(hash)
    return entry !== undefined && machinesOf(entry).includes(machineId)
  }

  /** Reports whether a machine may connect with a key, even if the key is unbound or not yet used. */
  mayBeFor(hash: string, machineId: string): boolean {
    const entry = this.find(hash)
    if (!entry) return false
    const machines = machinesOf(entry)
    return entry.bound === undefined || machines.length === 0 || machines.includes(machineId)
  }

  /**
   * Returns the machine that uses the key in an Authorization header, if known.
   * @param claimed the id that the machine claims
   */
  machineWith(authorization: string | undefined, claimed: string | undefined): string | undefined {
    const entry = this.shown(authorization)
    const machines = entry ? machinesOf(entry) : []
    if (claimed !== undefined) return machines.includes(claimed) ? claimed : undefined
    return machines.length === 1 ? machines[0] : undefined
  }

  /** Reports whether any key belongs to a machine. */
  knows(machineId: string): boolean {
    return this.of(machineId).length > 0
  }

  /**
   * Reports whether an enrolling machine may use this machine id. No key may belong to the id. If the hub
   * already knows the id, the request must also show an unbound key.
   * @param known every machine that has connected and was not removed
   */
  isFree(machineId: string, known: readonly string[], authorization: string | undefined): boolean {
    if (this.knows(machineId)) return false
    if (!known.includes(machineId)) return true
    const entry = this.shown(authorization)
    return entry !== undefined && entry.bound === undefined
  }

  /**
   * Returns the name that was chosen for a machine with an enrolled key: the name of the machine's newest
   * key.
   */
  nameOf(machineId: string, hostname: string): string | undefined {
    const entry = this.of(machineId).findLast(
      (each) =>
        each.machine_id === machineId &&
        !isLocal(each) &&
        // An older version of the hub created this key without `named`.
        (each.named ?? each.name !== hostname),
    )
    return entry?.name
  }

  /** Returns the group and labels from the machine's enrollment; undefined if it had none. */
  placeOf(machineId: string): Pick<KeyEntry, 'group' | 'labels'> | undefined {
    return this.of(machineId).findLast(
      ({ machine_id, group, labels }) =>
        machine_id === machineId && (group !== undefined || labels !== undefined),
    )
  }

  list(): HubKey[] {
    return this.machineKeys().map(viewOf)
  }

  get(id: string): HubKey | undefined {
    const entry = this.named(id)
    return entry && viewOf(entry)
  }

  protected find(hash: string): KeyEntry | undefined {
    return this.lists.list.withHash(hash).find(({ role }) => role === 'machine')
  }

  protected shown(authorization: string | undefined): KeyEntry | undefined {
    const hash = hashShown(authorization)
    return hash === undefined ? undefined : this.find(hash)
  }

  protected machineKeys(): KeyEntry[] {
    return this.lists.list.all().filter(({ role }) => role === 'machine')
  }

  /** Returns the keys of a machine. */
  protected of(machineId: string): readonly KeyEntry[] {
    return this.#byMachine.find(this.lists.list.all(), machineId)
  }

  /** Returns the key with this id. */
  protected named(id: string): KeyEntry | undefined {
    return this.machineKeys().find((entry) => keyId(entry) === id)
  }
}

/** Returns a machine key as clients see it. */
export function viewOf(entry: KeyEntry): HubKey {
  const { role, name, created_at, bound, used_at } = entry
  const machines = machinesOf(entry)
  return {
    key_id: keyId(entry),
    role,
    name,
    created_at,
    local: isLocal(entry),
    machines: [...machines],
    // An unbound key with a machine was used before `used_at` existed.
    used: used_at !== undefined || (bound === undefined && machines.length > 0),
    shared: machines.length > 1,
  }
}
