import { statSync } from 'node:fs'
import type * as z from 'zod/mini'
import { readJson, type Staged, setAside, stage } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { KeyIndex } from './key-index.ts'

interface Content<E> {
  version: 1
  keys: E[]
}

/** A file with a list of keys, reloaded when it changes on the disk. */
export class KeyFile<E extends { sha256: string }> {
  readonly #path: string
  readonly #schema: z.ZodMiniType<Content<E>>
  readonly #logger: Logger
  /** Replaced by a new list on every change. */
  #keys: readonly E[] = []
  readonly #byHash = new KeyIndex<E>(({ sha256 }) => [sha256])
  #stamp = ''
  /** True if keys were lost with a damaged file: a key that is missing here may not have been revoked. */
  readonly incomplete: boolean

  /** Sets a damaged file aside. @throws UserError if a newer version wrote the file */
  constructor(path: string, schema: z.ZodMiniType<Content<E>>, logger: Logger) {
    this.#path = path
    this.#schema = schema
    this.#logger = logger
    const read = readJson(path, schema)
    this.incomplete = !read.ok && read.reason === 'damaged'
    if (read.ok) this.#keys = read.value.keys
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of keys set aside')
    this.#stamp = stamp(path)
  }

  /** Returns the keys now in the file: the same list until something changes. */
  all(): readonly E[] {
    if (stamp(this.#path) !== this.#stamp) this.#reload()
    return this.#keys
  }

  /**
   * Returns the keys with this hash; more than one only if the file lists the same key with several roles.
   */
  withHash(hash: string): readonly E[] {
    return this.#byHash.find(this.all(), hash)
  }

  /** Only inside `change`. */
  add(entry: E) {
    this.#keys = [...this.#keys, entry]
  }

  /** Only inside `change`. */
  drop(gone: (entry: E) => boolean) {
    this.#keys = this.#keys.filter((each) => !gone(each))
  }

  /**
   * Changes keys; they are on the disk on return. If that fails, nothing changes.
   * @param taken called once the new list is on the disk, before it replaces the file
   * @throws the system error
   */
  change<T>(run: () => T, taken = () => {}): T {
    const before = structuredClone(this.#keys)
    let staged: Staged | undefined
    try {
      const made = run()
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

  /** Reloads the file. If it is invalid, perhaps because someone is editing it, keeps the previous keys. */
  #reload() {
    this.#stamp = stamp(this.#path)
    try {
      const read = readJson(this.#path, this.#schema)
      if (read.ok) this.#keys = read.value.keys
      else if (read.reason === 'damaged')
        this.#logger.error({ problem: read.problem }, `${this.#path} is invalid: no key has changed`)
    } catch (error) {
      this.#logger.error({ err: error }, `${this.#path} cannot be read: no key has changed`)
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
