import { chmodSync, readFileSync, statSync } from 'node:fs'
import { hubFiles } from '../../config/hub.ts'
import { type Clock, isoTime } from '../../platform/clock.ts'
import { type Staged, stage } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import { ifPresent } from '../../platform/or-undefined.ts'
import { isLocal, type KeyEntry, LOCAL, type Role } from './key-entry.ts'
import { hashOf, makeKey } from './key-text.ts'
import type { KeyDraft, KeyList, KeyLists, OwnKeys } from './keys.ts'
import type { UserKeyEntry } from './records.ts'

/** A list of keys in a store. */
export interface StoredKeys<E> extends KeyList<E, KeyDraft<E>> {
  refresh(): void
  /** @param taken function to call when the new list is ready, before it replaces the stored list */
  change<T>(edit: (draft: KeyDraft<E>) => T, taken?: () => void): Promise<T>
}

export interface OwnKeysOptions {
  /** The hub's folder. */
  dir: string
  /** Machine keys, and user keys without a role. */
  list: StoredKeys<KeyEntry>
  /** User keys with a role. */
  users: StoredKeys<UserKeyEntry>
  clock: Clock
  logger: Logger
}

/**
 * The lists of keys, and the files with the hub's own keys. If the file of one of the hub's own keys is
 * deleted, the hub creates the file with a new key at its next start, and no longer accepts the old key.
 */
export class KeysWithOwn implements KeyLists {
  readonly list: KeyList<KeyEntry, KeyDraft<KeyEntry> & OwnKeys>
  readonly users: StoredKeys<UserKeyEntry>
  readonly #stored: StoredKeys<KeyEntry>
  readonly #own: Record<Role, string>
  readonly #logger: Logger
  readonly #clock: Clock

  constructor({ dir, list, users, clock, logger }: OwnKeysOptions) {
    this.#stored = list
    this.list = {
      isIncomplete: list.isIncomplete,
      all: () => list.all(),
      withHash: (hash) => list.withHash(hash),
      change: (edit) => this.#change(edit),
    }
    this.users = users
    this.#logger = logger
    this.#clock = clock
    const { machineKey, userKey } = hubFiles(dir)
    this.#own = { machine: machineKey, user: userKey }
  }

  async refresh(): Promise<void> {
    this.#stored.refresh()
    this.users.refresh()
  }

  /**
   * Accepts the hub's own keys: reads each of them from its file, or creates the file if it is missing.
   * @throws the system error
   */
  async acceptOwn(): Promise<void> {
    for (const role of ['machine', 'user'] as const) {
      const file = this.#own[role]
      const known = readKey(file)
      if (known !== undefined && (statSync(file).mode & 0o077) !== 0) {
        chmodSync(file, 0o600)
        this.#logger.warn(
          { file },
          'other users could read a key file; its mode is now fixed, but the key may have leaked',
        )
      }
      const hash = known === undefined ? undefined : hashOf(known)
      if (hash !== undefined && this.#stored.withHash(hash).some((entry) => entry.role === role)) continue
      await this.#change((draft) => {
        for (const entry of this.#stored.all()) if (entry.role === role && isLocal(entry)) draft.forget(entry)
        if (hash === undefined) draft.renew(role)
        else draft.add(this.#entry(role, hash))
      })
    }
  }

  /**
   * Changes the lists of keys, and the files with the hub's own keys. Resolves when all changes are on the
   * disk. On failure, nothing changes.
   * @throws the system error
   */
  async #change<T>(edit: (draft: Draft) => T): Promise<T> {
    /** New files with the hub's own keys, staged until the new list is on the disk. */
    const staged = new Map<Role, Staged>()
    try {
      return await this.#stored.change(
        (draft) => edit(this.#draft(draft, staged)),
        () => {
          // Write these files before the list: if the hub is killed here, its next start accepts the keys in
          // these files.
          for (const file of staged.values()) file.commit()
          staged.clear()
        },
      )
    } catch (error) {
      for (const file of staged.values()) file.discard()
      throw error
    }
  }

  #draft({ add, drop }: KeyDraft<KeyEntry>, staged: Map<Role, Staged>): Draft {
    const renew = (role: Role) => {
      const key = makeKey(role)
      staged.set(role, stage(this.#own[role], `${key}\n`, { durable: true }))
      return add(this.#entry(role, hashOf(key)))
    }
    return {
      add,
      renew,
      forget: drop,
      // Replaces one of the hub's own keys. The file of the key must change as well, because each start of
      // the hub accepts the key in the file.
      drop: (entry) => {
        drop(entry)
        const { role } = entry
        const file = this.#own[role]
        if (!isLocal(entry) || staged.has(role) || hashOf(readKey(file) ?? '') !== entry.sha256) return
        renew(role)
        this.#logger.warn({ file }, `the hub has a new ${role} key: the previous one was revoked`)
      },
    }
  }

  #entry(role: Role, sha256: string): KeyEntry {
    const created_at = isoTime(this.#clock.now())
    return { role, name: LOCAL, created_at, sha256, ...(role === 'machine' && { bound: true }) }
  }
}

interface Draft extends KeyDraft<KeyEntry>, OwnKeys {
  /** Drops an entry. Does not replace the key, even if it is one of the hub's own keys. */
  forget(entry: KeyEntry): void
}

const readKey = (file: string) => ifPresent(() => readFileSync(file, 'utf8'))?.trim() || undefined
