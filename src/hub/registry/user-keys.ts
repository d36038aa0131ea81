import { join } from 'node:path'
import * as z from 'zod/mini'
import type { Logger } from '../../platform/log.ts'
import type { HubKey, NewKey, UserRole } from '../../protocol/index.ts'
import { KeyFile } from '../store/files/key-file.ts'
import { hashOf, type KeyStore, makeKey } from '../store/files/key-store.ts'
import { isUserRole } from './access.ts'
import { hashShown } from './bearer.ts'
import { isLocal, keyId, type Entry as StoredKey } from './key-entry.ts'

const Entry = z.object({
  name: z.string(),
  /** A `UserRole`; an unknown role allows nothing. */
  role: z.string(),
  created_at: z.string(),
  sha256: z.string(),
  /** Time of first use. */
  used_at: z.optional(z.string()),
})
type Entry = z.infer<typeof Entry>

/**
 * `user-keys.json`. Separate from `keys.json`, where hubs that predate roles would treat each key as an
 * admin's.
 */
const UserKeysFile = z.object({ version: z.literal(1), keys: z.array(Entry) })

/** The user key of a request. */
export interface Caller {
  name: string
  key_id: string
  role: UserRole
}

/** User keys and their roles. User keys in `keys.json`, including the hub's own, are admin keys. */
export class UserKeys {
  readonly #file: KeyFile<Entry>
  readonly #store: KeyStore
  readonly #logger: Logger
  readonly #now: () => string

  constructor(dir: string, store: KeyStore, now: () => string, logger: Logger) {
    this.#file = new KeyFile(join(dir, 'user-keys.json'), UserKeysFile, logger)
    this.#store = store
    this.#now = now
    this.#logger = logger
  }

  /** Returns the caller with the key in an Authorization header; undefined if the key is not accepted. */
  callerWith(authorization: string | undefined): Caller | undefined {
    const hash = hashShown(authorization)
    if (hash === undefined) return undefined
    const stored = this.#store.find('user', hash)
    if (stored) return { name: stored.name, key_id: keyId(stored), role: 'admin' }
    const [entry] = this.#file.withHash(hash)
    const role = entry?.role
    if (!entry || !isUserRole(role)) return undefined
    if (entry.used_at === undefined) this.#firstUse(entry)
    return { name: entry.name, key_id: keyId(entry), role }
  }

  /** Reports whether a key is still accepted with the same role. */
  accepts({ key_id, role }: Caller): boolean {
    return this.get(key_id)?.role === role
  }

  list(): HubKey[] {
    return [
      ...this.#stored().map((entry) =>
        viewOf({ ...entry, role: 'admin', local: isLocal(entry), used: true }),
      ),
      ...this.#file.all().map(viewOf),
    ]
  }

  /** Reports whether no key with this name exists, and none was lost with a damaged list. */
  isGone(name: string): boolean {
    return !this.#file.incomplete && !this.has(name)
  }

  /** Reports whether a key with this name exists. */
  has(name: string): boolean {
    const isNamed = (entry: { name: string }) => entry.name === name
    return this.#stored().some(isNamed) || this.#file.all().some(isNamed)
  }

  get(id: string): HubKey | undefined {
    return this.list().find(({ key_id }) => key_id === id)
  }

  make(name: string, role: UserRole): NewKey {
    const key = makeKey('user')
    const entry: Entry = { name, role, created_at: this.#now(), sha256: hashOf(key) }
    this.#file.change(() => this.#file.add(entry))
    return { ...viewOf(entry), key }
  }

  /**
   * Replaces a key with a new one; the previous key is no longer accepted.
   * @returns undefined if there is no such key
   */
  rotate(id: string): NewKey | undefined {
    const stored = this.#stored().find((each) => keyId(each) === id)
    if (stored) return this.#rotateStored(stored)
    const entry = this.#file.all().find((each) => keyId(each) === id)
    if (!entry) return undefined
    const key = makeKey('user')
    const { name, role } = entry
    const made: Entry = { name, role, created_at: this.#now(), sha256: hashOf(key) }
    this.#file.change(() => {
      this.#file.drop((each) => each === entry)
      this.#file.add(made)
    })
    return { ...viewOf(made), key }
  }

  /** Revokes a key. */
  remove(id: string) {
    const stored = this.#stored().find((each) => keyId(each) === id)
    if (stored) this.#store.change(() => this.#store.drop(stored))
    else this.#file.change(() => this.#file.drop((each) => keyId(each) === id))
  }

  #rotateStored(entry: StoredKey): NewKey {
    const key = isLocal(entry) ? undefined : makeKey('user')
    const made = this.#store.change(() => {
      const made =
        key === undefined
          ? this.#store.renew('user')
          : this.#store.add({ ...entry, created_at: this.#now(), sha256: hashOf(key) })
      this.#store.drop(entry)
      return made
    })
    return { ...this.get(keyId(made))!, ...(key !== undefined && { key }) }
  }

  #stored(): StoredKey[] {
    return this.#store.all().filter(({ role }) => role === 'user')
  }

  #firstUse(entry: Entry) {
    entry.used_at = this.#now()
    try {
      this.#file.change(() => {})
    } catch (error) {
      this.#logger.error({ err: error }, 'could not write the list of user keys')
    }
  }
}

const viewOf = (entry: Entry & { local?: boolean; used?: boolean }): HubKey => ({
  key_id: keyId(entry),
  role: entry.role,
  name: entry.name,
  created_at: entry.created_at,
  local: entry.local ?? false,
  machines: [],
  used: entry.used ?? entry.used_at !== undefined,
  shared: false,
})
