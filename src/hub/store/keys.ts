import type { KeyEntry, Role } from './key-entry.ts'
import type { UserKeyEntry } from './records.ts'

/** The keys that the hub accepts, as hashes. Other programs may also change the lists. */
export interface KeyLists {
  /**
   * Reads the lists again if another program changed them. If the lists cannot be read, they remain
   * unchanged. This method is called for each request and heartbeat, so it must be cheap.
   */
  refresh(): Promise<void>

  /** Machine keys, and user keys without a role, which count as admin keys. Includes the hub's own keys. */
  readonly list: KeyList<KeyEntry, KeyDraft<KeyEntry> & OwnKeys>

  /** User keys with a role. */
  readonly users: KeyList<UserKeyEntry, KeyDraft<UserKeyEntry>>
}

export interface KeyList<E, D> {
  /** True if keys were lost with a damaged list, so that a missing key may not have been revoked. */
  readonly isIncomplete: boolean

  /** Returns the keys as of the last refresh or change. Returns the same list object until a key changes. */
  all(): readonly E[]

  /**
   * Returns the keys with this hash. There are several entries only if the list contains the same key with
   * several roles.
   */
  withHash(hash: string): readonly E[]

  /**
   * Refreshes the list, then changes it. Changes run one at a time. If a change fails, the list stays the
   * same.
   * @param edit adds, drops, and modifies entries of `all()`. An entry that was modified without `change` is
   * stored with the next change.
   * @throws what `edit` throws, or the system error
   */
  change<T>(edit: (draft: D) => T): Promise<T>
}

/** A list of keys during a change. */
export interface KeyDraft<E> {
  /** @returns the entry */
  add(entry: E): E
  /**
   * Drops an entry. If the key is one of the hub's own keys, the hub gets a new key, because it always has
   * its own key for each role.
   */
  drop(entry: E): void
}

/** The hub's own keys, whose text only programs on its machine can read. */
export interface OwnKeys {
  /** Creates a new text for one of the hub's own keys. The old key stays accepted. @returns the new entry */
  renew(role: Role): KeyEntry
}
