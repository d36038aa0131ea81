import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { HubKey, NewKey, UserRole } from '../../protocol/index.ts'
import { isLocal, type KeyEntry, keyId } from '../store/key-entry.ts'
import { hashOf, makeKey } from '../store/key-text.ts'
import type { KeyLists } from '../store/keys.ts'
import type { UserKeyEntry } from '../store/records.ts'
import { hashShown } from './bearer.ts'
import { isUserRole } from './roles.ts'

/** The user key of a request, and its session if a browser has signed in with the key. */
export interface Caller {
  name: string
  key_id: string
  role: UserRole
  session_id?: string
}

export interface UserKeysOptions {
  lists: KeyLists
  clock: Clock
  logger: Logger
}

/** User keys and their roles. User keys without a role, including the hub's own, are admin keys. */
export class UserKeys {
  readonly #lists: KeyLists
  readonly #clock: Clock
  readonly #logger: Logger

  constructor({ lists, clock, logger }: UserKeysOptions) {
    this.#lists = lists
    this.#clock = clock
    this.#logger = logger
  }

  /** Returns the caller with the key in an Authorization header; undefined if the key is not accepted now. */
  async callerWith(authorization: string | undefined): Promise<Caller | undefined> {
    const hash = hashShown(authorization)
    if (hash === undefined) return undefined
    const { list, users } = this.#lists
    await this.#lists.refresh()
    const stored = list.withHash(hash).find(({ role }) => role === 'user')
    if (stored) return { name: stored.name, key_id: keyId(stored), role: 'admin' }
    const [entry] = users.withHash(hash)
    const role = entry?.role
    if (!entry || !isUserRole(role)) return undefined
    if (entry.used_at === undefined) await this.#onFirstUse(entry)
    return { name: entry.name, key_id: keyId(entry), role }
  }

  /** Returns the caller whose key has this id; undefined if the key is not accepted now. */
  async callerWithId(id: string): Promise<Caller | undefined> {
    await this.#lists.refresh()
    const stored = this.#storedWith(id)
    if (stored) return { name: stored.name, key_id: id, role: 'admin' }
    const entry = this.#userWith(id)
    const role = entry?.role
    return entry && isUserRole(role) ? { name: entry.name, key_id: id, role } : undefined
  }

  /** Reports whether a key is still accepted, with the same role. */
  async accepts({ key_id, role }: Caller): Promise<boolean> {
    return (await this.callerWithId(key_id))?.role === role
  }

  list(): HubKey[] {
    return [
      ...this.#stored().map((entry) =>
        viewOf({ ...entry, role: 'admin', local: isLocal(entry), used: true }),
      ),
      ...this.#lists.users.all().map(viewOf),
    ]
  }

  /**
   * Reports whether it is certain that no key has this name: no such key is in the list, and no keys were
   * lost with a damaged list.
   */
  isGone(name: string): boolean {
    return !this.#lists.users.isIncomplete && !this.has(name)
  }

  /** Reports whether a key with this name exists. */
  has(name: string): boolean {
    const isNamed = (entry: { name: string }) => entry.name === name
    return this.#stored().some(isNamed) || this.#lists.users.all().some(isNamed)
  }

  get(id: string): HubKey | undefined {
    return this.list().find(({ key_id }) => key_id === id)
  }

  async make(name: string, role: UserRole): Promise<NewKey> {
    const key = makeKey('user')
    const entry: UserKeyEntry = { name, role, created_at: this.#now(), sha256: hashOf(key) }
    await this.#lists.users.change((draft) => draft.add(entry))
    return { ...viewOf(entry), key }
  }

  /**
   * Replaces a key with a new key. The previous key is no longer accepted.
   * @returns undefined if there is no such key
   */
  async rotate(id: string): Promise<NewKey | undefined> {
    if (this.#storedWith(id)) return this.#rotateStored(id)
    if (!this.#userWith(id)) return undefined
    const key = makeKey('user')
    const made = await this.#lists.users.change((draft) => {
      const entry = this.#userWith(id)
      if (!entry) return undefined
      draft.drop(entry)
      const { name, role } = entry
      return draft.add({ name, role, created_at: this.#now(), sha256: hashOf(key) })
    })
    return made && { ...viewOf(made), key }
  }

  /** Revokes a key. */
  async remove(id: string): Promise<void> {
    if (this.#storedWith(id))
      await this.#lists.list.change((draft) => {
        const entry = this.#storedWith(id)
        if (entry) draft.drop(entry)
      })
    else
      await this.#lists.users.change((draft) => {
        const entry = this.#userWith(id)
        if (entry) draft.drop(entry)
      })
  }

  async #rotateStored(id: string): Promise<NewKey | undefined> {
    const key = makeKey('user')
    const made = await this.#lists.list.change((draft) => {
      const entry = this.#storedWith(id)
      if (!entry) return undefined
      const made = isLocal(entry)
        ? draft.renew('user')
        : draft.add({ ...entry, created_at: this.#now(), sha256: hashOf(key) })
      draft.drop(entry)
      return made
    })
    return made && { ...this.get(keyId(made))!, ...(!isLocal(made) && { key }) }
  }

  #storedWith(id: string): KeyEntry | undefined {
    return this.#stored().find((each) => keyId(each) === id)
  }

  #userWith(id: string): UserKeyEntry | undefined {
    return this.#lists.users.all().find((each) => keyId(each) === id)
  }

  #stored(): KeyEntry[] {
    return this.#lists.list.all().filter(({ role }) => role === 'user')
  }

  async #onFirstUse(entry: UserKeyEntry): Promise<void> {
    entry.used_at = this.#now()
    await this.#lists.users
      .change(() => {})
      .catch((error) => this.#logger.error({ err: error }, 'could not write the list of user keys'))
  }

  #now() {
    return isoTime(this.#clock.now())
  }
}

const viewOf = (entry: UserKeyEntry & { local?: boolean; used?: boolean }): HubKey => ({
  key_id: keyId(entry),
  role: entry.role,
  name: entry.name,
  created_at: entry.created_at,
  local: entry.local ?? false,
  machines: [],
  used: entry.used ?? entry.used_at !== undefined,
  shared: false,
})
