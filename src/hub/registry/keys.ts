import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { HubKey, NewKey } from '../../protocol/index.ts'
import { isNameable } from '../../protocol/machine-address.ts'
import { assign, isLocal, type KeyEntry, keyId, machinesOf } from '../store/key-entry.ts'
import { hashOf, makeKey } from '../store/key-text.ts'
import type { KeyDraft, KeyLists, OwnKeys } from '../store/keys.ts'
import { admit, denialText, settle, straysAmong, UNNAMEABLE, unsettled } from './key-admission.ts'
import { KeyLookup, viewOf } from './key-lookup.ts'

/** The key of a machine that enrolls. */
export interface KeyOfMachine extends Pick<KeyEntry, 'name' | 'sha256' | 'created_at' | 'named' | 'heir_of'> {
  /** Machine to bind the key to. By default, the first machine that uses the key. */
  machine_id?: string | undefined
}

/** Reason why a machine is refused. */
export interface Denial {
  code: 'unauthorized' | 'key_bound'
  message: string
}

export interface KeysOptions {
  lists: KeyLists
  clock: Clock
  logger: Logger
}

/** Machine keys: they decide who may connect as which machine. */
export class Keys extends KeyLookup {
  readonly #clock: Clock
  readonly #logger: Logger

  constructor({ lists, clock, logger }: KeysOptions) {
    super(lists)
    this.#clock = clock
    this.#logger = logger
  }

  /**
   * Binds keys that an older version of the hub left unbound, if it is clear which machine uses which key.
   * Warns about the other unbound keys.
   * @param known every machine that has connected and was not removed
   */
  async settle(known: readonly string[]): Promise<void> {
    if (unsettled(this.machineKeys(), known).length > 0)
      await this.#change(() => settle(unsettled(this.machineKeys(), known), this.#now()))
    const strays = straysAmong(known, this.machineKeys())
    for (const entry of this.machineKeys())
      if (entry.bound === undefined && machinesOf(entry).length > 1) this.#warnShared(entry)
    if (strays.size > 0)
      this.#logger.warn(
        { machines: [...strays] },
        'some machines have no key, so they can connect with any unbound key: bind a key to each of these machines with `fomular-daemon hub key bind`',
      )
  }

  /**
   * Admits a machine with a key and assigns the key to it.
   * @param known as in `settle`
   * @returns the reason if the machine is refused
   */
  async admit(hash: string, machineId: string, known: readonly string[]): Promise<Denial | undefined> {
    await this.lists.refresh()
    const entry = this.find(hash)
    if (!entry) return { code: 'unauthorized', message: 'This key is no longer accepted.' }
    if (!known.includes(machineId) && !isNameable(machineId)) {
      this.#logger.warn(
        { name: entry.name, key_id: keyId(entry), machine_id: machineId },
        'machine refused: its id is not allowed',
      )
      return { code: 'key_bound', message: UNNAMEABLE }
    }
    const keys = this.machineKeys()
    const verdict = admit(entry, keys, machineId, known)
    if (verdict === 'key_of_another' || verdict === 'machine_of_another') {
      this.#logger.warn(
        { name: entry.name, key_id: keyId(entry), belongs_to: machinesOf(entry), machine_id: machineId },
        verdict === 'key_of_another'
          ? 'machine refused: its key belongs to another machine'
          : 'machine refused: its id belongs to another key',
      )
      return { code: 'key_bound', message: denialText(verdict, entry, machineId) }
    }
    if (verdict === 'shared') this.#warnShared(entry)
    const isHeir = entry.heir_of === machineId
    const settled = unsettled(keys, known)
    const isNew = verdict !== 'known' || entry.used_at === undefined
    // If the disk is full, the machine connects nevertheless. After a restart, the hub makes the unsaved
    // changes again.
    entry.used_at ??= this.#now()
    if (isNew || isHeir || settled.length > 0)
      await this.#change((draft) => {
        if (isHeir) {
          delete entry.heir_of
          this.#withdraw(draft, machineId, entry)
        }
        settle(settled, this.#now())
      }).catch((error) => this.#logger.error({ err: error }, 'could not write the list of keys'))
    return undefined
  }

  /** Adds a machine key unless it exists. */
  async add({ machine_id, ...key }: KeyOfMachine): Promise<void> {
    if (this.find(key.sha256)) return
    const entry: KeyEntry = { role: 'machine', ...key, bound: true }
    if (machine_id !== undefined) assign(entry, [machine_id])
    await this.#change((draft) => draft.add(entry))
  }

  /**
   * Creates a key for a machine, or for the first machine that uses it. When the new key is first used, the
   * machine's other keys become invalid.
   */
  async make(name: string, machine_id: string | undefined): Promise<NewKey> {
    const key = makeKey('machine')
    const sha256 = hashOf(key)
    const heir = machine_id !== undefined && this.knows(machine_id) && { heir_of: machine_id }
    await this.add({ name, sha256, created_at: this.#now(), named: true, machine_id, ...heir })
    return { ...this.get(keyId({ sha256 }))!, key }
  }

  /**
   * Binds a key to one machine, and revokes the machine's other keys.
   * @returns the bound key and the number of revoked keys; undefined if there is no such key
   */
  async bind(id: string, machineId: string): Promise<{ key: HubKey; revoked: number } | undefined> {
    if (!this.named(id)) return undefined
    return this.#change((draft) => {
      const entry = this.named(id)
      if (!entry) return undefined
      assign(entry, [machineId], true)
      delete entry.heir_of
      const revoked = this.#withdraw(draft, machineId, entry)
      return { key: viewOf(entry), revoked }
    })
  }

  /**
   * Creates a replacement for a machine key. The previous key is accepted until the machine uses the new key.
   * If no machine has used the previous key, it becomes invalid at once.
   * @returns undefined if there is no such key or several machines use it
   */
  async rotate(id: string): Promise<NewKey | undefined> {
    if (!this.#isRotatable(this.named(id))) return undefined
    return this.#change((draft) => {
      const entry = this.named(id)
      if (!this.#isRotatable(entry)) return undefined
      const { role, name, named } = entry
      const key = isLocal(entry) ? undefined : makeKey('machine')
      const machines = machinesOf(entry)
      const made =
        key === undefined
          ? draft.renew('machine')
          : draft.add({
              role,
              name,
              ...(named !== undefined && { named }),
              created_at: this.#now(),
              sha256: hashOf(key),
            })
      assign(made, machines, true)
      const [machineId] = machines
      if (machineId !== undefined) made.heir_of = machineId
      else draft.drop(entry)
      return { ...viewOf(made), ...(key !== undefined && { key }) }
    })
  }

  /** Revokes a machine key. */
  async remove(id: string): Promise<void> {
    if (!this.named(id)) return
    await this.#change((draft) => {
      const entry = this.named(id)
      if (entry) draft.drop(entry)
    })
  }

  /**
   * Renames a machine that has an enrolled key: the entry of this key contains the name. @returns true if the
   * machine has an enrolled key
   */
  async rename(machineId: string, name: string): Promise<boolean> {
    const own = () => this.of(machineId).filter((entry) => entry.machine_id === machineId && !isLocal(entry))
    if (own().length === 0) return false
    return this.#change(() => {
      for (const entry of own()) Object.assign(entry, { name, named: true })
      return own().length > 0
    })
  }

  /**
   * Revokes the keys of a machine, and removes the machine from keys that it shares.
   * @param known as in `settle`
   * @returns the number of revoked keys, and the number of keys that other machines still use
   */
  async revoke(machineId: string, known: readonly string[]): Promise<{ revoked: number; shared: number }> {
    return this.#change((draft) => {
      const keys = this.machineKeys()
      const before = this.of(machineId).length
      const strays = straysAmong(known, keys)
      const heirs = keys.filter((entry) => entry.heir_of === machineId && machinesOf(entry).length === 0)
      for (const heir of heirs) draft.drop(heir)
      let revoked = this.#withdraw(draft, machineId) + heirs.length
      const unclaimed = keys.find((entry) => isLocal(entry) && entry.bound === undefined)
      // If only one machine has no key, this machine must have used the hub's own key.
      if (strays.size === 1 && strays.has(machineId) && unclaimed && machinesOf(unclaimed).length === 0) {
        draft.drop(unclaimed)
        revoked++
      }
      return { revoked, shared: Math.max(0, before - revoked) }
    })
  }

  /**
   * Removes a machine from all keys except `keep`, and drops keys that no other machine uses.
   * @returns the number of dropped keys
   */
  #withdraw(draft: KeyDraft<KeyEntry>, machineId: string, keep?: KeyEntry): number {
    let dropped = 0
    for (const entry of this.of(machineId)) {
      if (entry === keep) continue
      const others = machinesOf(entry).filter((each) => each !== machineId)
      if (others.length > 0) assign(entry, others)
      else {
        draft.drop(entry)
        dropped++
      }
    }
    return dropped
  }

  #isRotatable(entry: KeyEntry | undefined): entry is KeyEntry {
    return entry !== undefined && machinesOf(entry).length < 2
  }

  #change<T>(edit: (draft: KeyDraft<KeyEntry> & OwnKeys) => T): Promise<T> {
    return this.lists.list.change(edit)
  }

  #now() {
    return isoTime(this.#clock.now())
  }

  #warnShared(entry: KeyEntry) {
    this.#logger.warn(
      { name: entry.name, key_id: keyId(entry), machines: machinesOf(entry) },
      'several machines share one key, so each can connect as any of the others: bind the key with `fomular-daemon hub key bind`',
    )
  }
}
