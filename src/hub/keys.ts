import type { Logger } from '../platform/log.ts'
import type { HubKey, NewKey } from '../protocol/index.ts'
import { isNameable } from '../protocol/machine-address.ts'
import { admit, denialText, settle, straysAmong, UNNAMEABLE, unsettled } from './admission.ts'
import { hashShown } from './bearer.ts'
import { assign, type Entry, isLocal, keyId, machinesOf } from './key-entry.ts'
import { KeyIndex } from './key-index.ts'
import { hashOf, type KeyStore, makeKey } from './key-store.ts'

/** What is noted of a machine's key when the machine is enrolled. */
export interface KeyOfMachine extends Pick<Entry, 'name' | 'sha256' | 'created_at' | 'named' | 'heir_of'> {
  /** The machine it is bound to. Default: the first that uses it. */
  machine_id?: string | undefined
}

/** Why a machine is turned away. */
export interface Denial {
  code: 'unauthorized' | 'key_bound'
  message: string
}

/** Who may connect as which machine. */
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

  /** @returns the hash by which the key is known, or undefined when it is not accepted */
  accepts(authorization: string | undefined): string | undefined {
    return this.#shown(authorization)?.sha256
  }

  /** @returns the name of a machine's own key, or undefined when it is not accepted */
  machineKeyName(hash: string): string | undefined {
    return this.#find(hash)?.name
  }

  /** Whether a machine may still be connected with a key. */
  isFor(hash: string, machineId: string): boolean {
    const entry = this.#find(hash)
    return entry !== undefined && machinesOf(entry).includes(machineId)
  }

  /** Whether a machine may be let in with a key, as far as that is not known to be another one's. */
  mayBeFor(hash: string, machineId: string): boolean {
    const entry = this.#find(hash)
    if (!entry) return false
    const machines = machinesOf(entry)
    return entry.bound === undefined || machines.length === 0 || machines.includes(machineId)
  }

  /** A key of its own for a machine. */
  add({ machine_id, ...key }: KeyOfMachine) {
    if (this.#find(key.sha256)) return
    const entry: Entry = { role: 'machine', ...key, bound: true }
    if (machine_id !== undefined) assign(entry, [machine_id])
    this.#store.change(() => this.#store.add(entry))
  }

  /** The machine that whoever has this key is, as far as is known. @param claimed the one it says it is */
  machineWith(authorization: string | undefined, claimed: string | undefined): string | undefined {
    const entry = this.#shown(authorization)
    const machines = entry ? machinesOf(entry) : []
    if (claimed !== undefined) return machines.includes(claimed) ? claimed : undefined
    return machines.length === 1 ? machines[0] : undefined
  }

  /** Whether a key is known of a machine. */
  knows(machineId: string): boolean {
    return this.#of(machineId).length > 0
  }

  /**
   * Whether a machine that enrolls may be this one, of which no key is known: a new one, or one from before keys were bound
   * that shows a key from then.
   * @param known as in `settle`
   */
  isFree(machineId: string, known: readonly string[], authorization: string | undefined): boolean {
    if (this.knows(machineId)) return false
    if (!known.includes(machineId)) return true
    const entry = this.#shown(authorization)
    return entry !== undefined && entry.bound === undefined
  }

  /**
   * Binds keys from before keys were bound, as far as it can be told which is whose.
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
        'no key is known of some machines: each may connect with a key from before keys were bound, or with the one that `fomular-daemon hub key bind` gives it',
      )
  }

  /**
   * Lets a machine connect with a key, which is then this machine's.
   * @param known as in `settle`
   * @returns what it is told if it may not
   */
  admit(hash: string, machineId: string, known: readonly string[]): Denial | undefined {
    const entry = this.#find(hash)
    if (!entry) return { code: 'unauthorized', message: 'This key is no longer accepted.' }
    if (!known.includes(machineId) && !isNameable(machineId)) {
      this.#logger.warn(
        { name: entry.name, key_id: keyId(entry), machine_id: machineId },
        'machine refused: nobody could name it by its id',
      )
      return { code: 'key_bound', message: UNNAMEABLE }
    }
    const keys = this.#machineKeys()
    const verdict = admit(entry, keys, machineId, known)
    if (verdict === 'key_of_another' || verdict === 'machine_of_another') {
      this.#logger.warn(
        { name: entry.name, key_id: keyId(entry), belongs_to: machinesOf(entry), machine_id: machineId },
        verdict === 'key_of_another'
          ? "machine refused: its key is another machine's"
          : 'machine refused: its id belongs to another key',
      )
      return { code: 'key_bound', message: denialText(verdict, entry, machineId) }
    }
    if (verdict === 'shared') this.#warnShared(entry)
    const isHeir = entry.heir_of === machineId
    const settled = unsettled(keys, known)
    const isNew = verdict !== 'known' || entry.used_at === undefined
    // A full disk keeps no machine away: what could not be written is found out again after a start of the hub.
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
   * Makes a key that of one machine, which comes with no other from then on.
   * @returns the key as it is then, and how many others are no longer accepted; undefined where there is no such key
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

  /** Makes a key for a machine: for the first that uses it, unless one is named, whose other keys end once this is used. */
  make(name: string, machine_id: string | undefined): NewKey {
    const key = makeKey('machine')
    const sha256 = hashOf(key)
    const heir = machine_id !== undefined && this.knows(machine_id) && { heir_of: machine_id }
    this.add({ name, sha256, created_at: this.#now(), named: true, machine_id, ...heir })
    return { ...this.get(keyId({ sha256 }))!, key }
  }

  /**
   * Makes another key for the machine of one. The one before is accepted until the machine has used the new one; at once
   * no longer, where no machine has used it.
   * @returns undefined where there is no such key, or several machines use it
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

  /** Accepts a machine's key no longer. */
  remove(id: string) {
    const entry = this.#named(id)
    if (entry) this.#store.change(() => this.#store.drop(entry))
  }

  /** The name that was chosen for a machine with a key of its own; by its newest key. */
  nameOf(machineId: string, hostname: string): string | undefined {
    const entry = this.#of(machineId).findLast(
      (each) =>
        each.machine_id === machineId &&
        !isLocal(each) &&
        // Keys from before names were marked.
        (each.named ?? each.name !== hostname),
    )
    return entry?.name
  }

  /** @returns whether the machine has a key of its own, which keeps the name */
  rename(machineId: string, name: string): boolean {
    const own = this.#of(machineId).filter((entry) => entry.machine_id === machineId && !isLocal(entry))
    if (own.length > 0)
      this.#store.change(() => {
        for (const entry of own) Object.assign(entry, { name, named: true })
      })
    return own.length > 0
  }

  /**
   * Accepts the keys of a machine no longer, and others not from this machine.
   * @param known as in `settle`
   * @returns how many keys there were, and how many others go on using
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
      // Nothing else can have brought it here.
      if (strays.size !== 1 || !strays.has(machineId) || !unclaimed || machinesOf(unclaimed).length > 0)
        return own
      this.#store.drop(unclaimed)
      return own + 1
    })
    return { revoked, shared: Math.max(0, before - revoked) }
  }

  /** Takes a machine from all keys but `keep`. @returns how many were only its, and are no longer accepted */
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
      this.#logger.error({ err: error }, 'the list of keys could not be written')
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
      // What was used before keys were bound has its machine.
      used: used_at !== undefined || (bound === undefined && machines.length > 0),
      shared: machines.length > 1,
    }
  }

  #warnShared(entry: Entry) {
    this.#logger.warn(
      { name: entry.name, key_id: keyId(entry), machines: machinesOf(entry) },
      'several machines use one key: each of them can be any of them, until `fomular-daemon hub key bind` says whose it is',
    )
  }
}
