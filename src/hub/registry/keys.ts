import type { Logger } from '../../platform/log.ts'
import type { HubKey, NewKey } from '../../protocol/index.ts'
import { isNameable } from '../../protocol/machine-address.ts'
import { KeyIndex } from '../store/files/key-index.ts'
import { hashOf, type KeyStore, makeKey } from '../store/files/key-store.ts'
import { hashShown } from './bearer.ts'
import { admit, denialText, settle, straysAmong, UNNAMEABLE, unsettled } from './key-admission.ts'
import { assign, type Entry, isLocal, keyId, machinesOf } from './key-entry.ts'

/** The key of a machine that enrolls. */
export interface KeyOfMachine extends Pick<Entry, 'name' | 'sha256' | 'created_at' | 'named' | 'heir_of'> {
  /** Machine to bind the key to. Default: the first machine that uses it. */
  machine_id?: string | undefined
}

/** Reason why a machine is refused. */
export interface Denial {
  code: 'unauthorized' | 'key_bound'
  message: string
}

/** Machine keys: they decide who may connect as which machine. */
export class Keys {
  readonly #store: KeyStore
  readonly #logger: Logger
  readonly #now: () => string
  readonly #byMachine = new KeyIndex<Entry>((entry) => (entry.role === 'machine' ? machinesOf(entry) : []))

  constructor(store: KeyStore, now: () => string, logger: Logger) {
    this.#store = store
    this.#logger = logger
    this.#now = now
  }

  /** Returns the hash of the key in an Authorization header; undefined if the key is not accepted. */
  accepts(authorization: string | undefined): string | undefined {
    return this.#shown(authorization)?.sha256
  }

  /** Returns the name of a machine key; undefined if the key is not accepted. */
  machineKeyName(hash: string): string | undefined {
    return this.#find(hash)?.name
  }

  /** Reports whether a key is accepted for a machine. */
  isFor(hash: string, machineId: string): boolean {
    const entry = this.#find(hash)
    return entry !== undefined && machinesOf(entry).includes(machineId)
  }

  /** Reports whether a machine may connect with a key, which may be unbound or not yet used. */
  mayBeFor(hash: string, machineId: string): boolean {
    const entry = this.#find(hash)
    if (!entry) return false
    const machines = machinesOf(entry)
    return entry.bound === undefined || machines.length === 0 || machines.includes(machineId)
  }

  /** Adds a machine key unless it exists. */
  add({ machine_id, ...key }: KeyOfMachine) {
    if (this.#find(key.sha256)) return
    const entry: Entry = { role: 'machine', ...key, bound: true }
    if (machine_id !== undefined) assign(entry, [machine_id])
    this.#store.change(() => this.#store.add(entry))
  }

  /**
   * Returns the machine that uses the key in an Authorization header, if known.
   * @param claimed the id it claims
   */
  machineWith(authorization: string | undefined, claimed: string | undefined): string | undefined {
    const entry = this.#shown(authorization)
    const machines = entry ? machinesOf(entry) : []
    if (claimed !== undefined) return machines.includes(claimed) ? claimed : undefined
    return machines.length === 1 ? machines[0] : undefined
  }

  /** Reports whether any key belongs to a machine. */
  knows(machineId: string): boolean {
    return this.#of(machineId).length > 0
  }

  /**
   * Reports whether an enrolling machine may take this id: no key belongs to it, and it is new or the request
   * shows an unbound key.
   * @param known as in `settle`
   */
  isFree(machineId: string, known: readonly string[], authorization: string | undefined): boolean {
    if (this.knows(machineId)) return false
    if (!known.includes(machineId)) return true
    const entry = this.#shown(authorization)
    return entry !== undefined && entry.bound === undefined
  }

  /**
   * Binds keys that predate binding if it is clear which machine uses which key. Warns about the others.
   * @param known every machine that has connected and was not removed
   */
  settle(known: readonly string[]) {
    const settled = unsettled(this.#machineKeys(), known)
    if (settled.length > 0) this.#store.change(() => settle(settled, this.#now()))
    const strays = straysAmong(known, this.#machineKeys())
    for (const entry of this.#machineKeys())
      if (entry.bound === undefined && machinesOf(entry).length > 1) this.#warnShared(entry)
    if (strays.size > 0)
      this.#logger.warn(
        { machines: [...strays] },
        'some machines have no key: each may connect with any unbound key, or with a key bound by `fomular-daemon hub key bind`',
      )
  }

  /**
   * Admits a machine with a key and assigns the key to it.
   * @param known as in `settle`
   * @returns the reason if the machine is refused
   */
  admit(hash: string, machineId: string, known: readonly string[]): Denial | undefined {
    const entry = this.#find(hash)
    if (!entry) return { code: 'unauthorized', message: 'This key is no longer accepted.' }
    if (!known.includes(machineId) && !isNameable(machineId)) {
      this.#logger.warn(
        { name: entry.name, key_id: keyId(entry), machine_id: machineId },
        'machine refused: its id is not allowed',
      )
      return { code: 'key_bound', message: UNNAMEABLE }
    }
    const keys = this.#machineKeys()
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
    // A full disk does not keep a machine out. Unsaved changes are made again after a restart.
    entry.used_at ??= this.#now()
    if (isNew || isHeir || settled.length > 0)
      this.#changeIfPossible(() => {
        if (isHeir) {
          delete entry.heir_of
          this.#withdraw(machineId, entry)
        }
        settle(settled, this.#now())
      })
    return undefined
  }

  /**
   * Binds a key to one machine, and revokes the machine's other keys.
   * @returns the bound key and the number of revoked keys; undefined if there is no such key
   */
  bind(id: string, machineId: string): { key: HubKey; revoked: number } | undefined {
    const entry = this.#named(id)
    if (!entry) return undefined
    const revoked = this.#store.change(() => {
      assign(entry, [machineId], true)
      delete entry.heir_of
      return this.#withdraw(machineId, entry)
    })
    return { key: this.#view(entry), revoked }
  }

  list(): HubKey[] {
    return this.#machineKeys().map((entry) => this.#view(entry))
  }

  get(id: string): HubKey | undefined {
    const entry = this.#named(id)
    return entry && this.#view(entry)
  }

  /**
   * Creates a key for a machine, or for the first machine that uses it. Once used, it ends the machine's
   * other keys.
   */
  make(name: string, machine_id: string | undefined): NewKey {
    const key = makeKey('machine')
    const sha256 = hashOf(key)
    const heir = machine_id !== undefined && this.knows(machine_id) && { heir_of: machine_id }
    this.add({ name, sha256, created_at: this.#now(), named: true, machine_id, ...heir })
    return { ...this.get(keyId({ sha256 }))!, key }
  }

  /**
   * Creates a replacement for a machine key. The previous key is accepted until the machine uses the new one;
   * if no machine has used it, it ends at once.
   * @returns undefined if there is no such key or several machines use it
   */
  rotate(id: string): NewKey | undefined {
    const entry = this.#named(id)
    const machines = entry ? machinesOf(entry) : []
    if (!entry || machines.length > 1) return undefined
    const key = isLocal(entry) ? undefined : makeKey('machine')
    const { role, name, named } = entry
    const [machineId] = machines
    const made = this.#store.change(() => {
      const made =
        key === undefined
          ? this.#store.renew('machine')
          : this.#store.add({
              role,
              name,
              ...(named !== undefined && { named }),
              created_at: this.#now(),
              sha256: hashOf(key),
            })
      assign(made, machines, true)
      if (machineId !== undefined) made.heir_of = machineId
      else this.#store.drop(entry)
      return made
    })
    return { ...this.#view(made), ...(key !== undefined && { key }) }
  }

  /** Revokes a machine key. */
  remove(id: string) {
    const entry = this.#named(id)
    if (entry) this.#store.change(() => this.#store.drop(entry))
  }

  /** Returns the name chosen for a machine with an enrolled key: the name of its newest key. */
  nameOf(machineId: string, hostname: string): string | undefined {
    const entry = this.#of(machineId).findLast(
      (each) =>
        each.machine_id === machineId &&
        !isLocal(each) &&
        // Keys that predate `named`.
        (each.named ?? each.name !== hostname),
    )
    return entry?.name
  }

  /** Renames a machine if it has an enrolled key, which holds the name. @returns true if it does */
  rename(machineId: string, name: string): boolean {
    const own = this.#of(machineId).filter((entry) => entry.machine_id === machineId && !isLocal(entry))
    if (own.length > 0)
      this.#store.change(() => {
        for (const entry of own) Object.assign(entry, { name, named: true })
      })
    return own.length > 0
  }

  /**
   * Revokes the keys of a machine, and its use of shared keys.
   * @param known as in `settle`
   * @returns the number of revoked keys, and of keys that other machines still use
   */
  revoke(machineId: string, known: readonly string[]): { revoked: number; shared: number } {
    const keys = this.#machineKeys()
    const before = this.#of(machineId).length
    const strays = straysAmong(known, keys)
    const revoked = this.#store.change(() => {
      const heirs = keys.filter((entry) => entry.heir_of === machineId && machinesOf(entry).length === 0)
      for (const heir of heirs) this.#store.drop(heir)
      const own = this.#withdraw(machineId) + heirs.length
      const unclaimed = keys.find((entry) => isLocal(entry) && entry.bound === undefined)
      // The only machine without a key can only have used this one.
      if (strays.size !== 1 || !strays.has(machineId) || !unclaimed || machinesOf(unclaimed).length > 0)
        return own
      this.#store.drop(unclaimed)
      return own + 1
    })
    return { revoked, shared: Math.max(0, before - revoked) }
  }

  /**
   * Removes a machine from all keys except `keep`, and drops keys that only it used.
   * @returns the number dropped
   */
  #withdraw(machineId: string, keep?: Entry): number {
    let dropped = 0
    for (const entry of this.#of(machineId)) {
      if (entry === keep) continue
      const others = machinesOf(entry).filter((each) => each !== machineId)
      if (others.length > 0) assign(entry, others)
      else {
        this.#store.drop(entry)
        dropped++
      }
    }
    return dropped
  }

  #changeIfPossible(run: () => void) {
    try {
      this.#store.change(run)
    } catch (error) {
      this.#logger.error({ err: error }, 'could not write the list of keys')
    }
  }

  #find(hash: string): Entry | undefined {
    return this.#store.find('machine', hash)
  }

  #shown(authorization: string | undefined): Entry | undefined {
    const hash = hashShown(authorization)
    return hash === undefined ? undefined : this.#find(hash)
  }

  #machineKeys(): Entry[] {
    return this.#store.all().filter(({ role }) => role === 'machine')
  }

  #of(machineId: string): readonly Entry[] {
    return this.#byMachine.find(this.#store.all(), machineId)
  }

  #named(id: string): Entry | undefined {
    return this.#machineKeys().find((entry) => keyId(entry) === id)
  }

  #view(entry: Entry): HubKey {
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

  #warnShared(entry: Entry) {
    this.#logger.warn(
      { name: entry.name, key_id: keyId(entry), machines: machinesOf(entry) },
      'several machines share one key, so each can pass for another: bind it with `fomular-daemon hub key bind`',
    )
  }
}
