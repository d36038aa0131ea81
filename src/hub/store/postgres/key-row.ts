import { KeyIndex } from '../key-index.ts'
import type { KeyDraft } from '../keys.ts'
import type { StoredKeys } from '../own-keys.ts'
import type { Database } from './database.ts'
import { writeList } from './stored-list.ts'

/** A list of keys, in a row of the table `list`. Only the hub that has the lease changes it. */
export class KeyRow<E extends { sha256: string }> implements StoredKeys<E> {
  readonly isIncomplete = false
  readonly #database: Database
  readonly #name: string
  readonly #byHash = new KeyIndex<E>(({ sha256 }) => [sha256])
  #keys: readonly E[]
  #turn: Promise<unknown> = Promise.resolve()

  constructor(database: Database, name: string, keys: readonly E[]) {
    this.#database = database
    this.#name = name
    this.#keys = keys
  }

  /** The list in memory is current, because no other hub may write to the database. */
  refresh() {}

  all(): readonly E[] {
    return this.#keys
  }

  withHash(hash: string): readonly E[] {
    return this.#byHash.find(this.#keys, hash)
  }

  change<T>(edit: (draft: KeyDraft<E>) => T, taken = () => {}): Promise<T> {
    const turn = this.#turn.then(() => this.#change(edit, taken))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #change<T>(edit: (draft: KeyDraft<E>) => T, taken: () => void): Promise<T> {
    const before = structuredClone(this.#keys)
    try {
      const made = edit({
        add: (entry) => {
          this.#keys = [...this.#keys, entry]
          return entry
        },
        drop: (entry) => {
          this.#keys = this.#keys.filter((each) => each !== entry)
        },
      })
      this.#keys = [...this.#keys]
      const keys = this.#keys
      await this.#database.write(async (sql) => {
        await writeList(sql, this.#name, keys)
        taken()
      })
      return made
    } catch (error) {
      this.#keys = before
      throw error
    }
  }
}
