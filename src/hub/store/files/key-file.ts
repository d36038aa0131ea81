import { statSync } from 'node:fs'
import * as z from 'zod/mini'
import { readJson, type Staged, setAside, stage } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { KeyEntry } from '../key-entry.ts'
import { KeyIndex } from '../key-index.ts'
import type { KeyDraft } from '../keys.ts'
import type { StoredKeys } from '../own-keys.ts'
import { UserKeyEntry } from '../records.ts'

/** `keys.json`: stores only the hashes of keys. */
export const KeysFile = z.object({ version: z.literal(1), keys: z.array(KeyEntry) })

/**
 * `user-keys.json`. User keys are not in `keys.json`, because hubs without roles would treat them as admin
 * keys.
 */
export const UserKeysFile = z.object({ version: z.literal(1), keys: z.array(UserKeyEntry) })

interface Content<E> {
  version: 1
  keys: E[]
}

export interface KeyFileOptions<E> {
  path: string
  schema: z.ZodMiniType<Content<E>>
  logger: Logger
}

/** A file with a list of keys. Other programs may also change this file. */
export class KeyFile<E extends { sha256: string }> implements StoredKeys<E> {
  readonly #path: string
  readonly #schema: z.ZodMiniType<Content<E>>
  readonly #logger: Logger
  /** A new list object replaces this list on every change. */
  #keys: readonly E[] = []
  readonly #byHash = new KeyIndex<E>(({ sha256 }) => [sha256])
  #stamp = ''
  readonly #draft: KeyDraft<E> = {
    add: (entry) => {
      this.#keys = [...this.#keys, entry]
      return entry
    },
    drop: (entry) => {
      this.#keys = this.#keys.filter((each) => each !== entry)
    },
  }
  readonly isIncomplete: boolean

  /** Sets a damaged file aside. @throws UserError if a newer version wrote the file */
  constructor({ path, schema, logger }: KeyFileOptions<E>) {
    this.#path = path
    this.#schema = schema
    this.#logger = logger
    const read = readJson(path, schema)
    this.isIncomplete = !read.ok && read.reason === 'damaged'
    if (read.ok) this.#keys = read.value.keys
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of keys renamed')
    this.#stamp = stamp(path)
  }

  /**
   * Reads the file again if it has changed. If the file is invalid, for example because someone is editing
   * it, keeps the previous keys.
   */
  refresh() {
    if (stamp(this.#path) !== this.#stamp) this.#reload()
  }

  all(): readonly E[] {
    return this.#keys
  }

  withHash(hash: string): readonly E[] {
    return this.#byHash.find(this.all(), hash)
  }

  /** @param taken function to call when the new list is on the disk, before it replaces the file */
  async change<T>(edit: (draft: KeyDraft<E>) => T, taken = () => {}): Promise<T> {
    this.refresh()
    const before = structuredClone(this.#keys)
    let staged: Staged | undefined
    try {
      const made = edit(this.#draft)
      this.#keys = [...this.#keys]
      const text = JSON.stringify({ version: 1, keys: this.#keys }, null, 2)
      staged = stage(this.#path, text, { durable: true })
      taken()
      staged.commit()
      this.#stamp = stamp(this.#path)
      return made
    } catch (error) {
      staged?.discard()
      this.#keys = before
      throw error
    }
  }

  #reload() {
    this.#stamp = stamp(this.#path)
    try {
      const read = readJson(this.#path, this.#schema)
      if (read.ok) this.#keys = read.value.keys
      else if (read.reason === 'damaged')
        this.#logger.error(
          { problem: read.problem },
          `${this.#path} is invalid: the hub keeps using the previous keys`,
        )
    } catch (error) {
      this.#logger.error(
        { err: error },
        `${this.#path} cannot be read: the hub keeps using the previous keys`,
      )
    }
  }
}

function stamp(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return ''
  }
}
