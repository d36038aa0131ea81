import { statSync } from 'node:fs'
import type * as z from 'zod/mini'
import { readJson, type Staged, setAside, stage } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { KeyIndex } from './key-index.ts'

interface Content<E> {
  version: 1
  keys: E[]
}

/** A file with a list of keys in it, read again when somebody has changed it. */
export class KeyFile<E extends { sha256: string }> {
  readonly #path: string
  readonly #schema: z.ZodMiniType<Content<E>>
  readonly #logger: Logger
  /** Another list whenever something has changed. */
  #keys: readonly E[] = []
  readonly #byHash = new KeyIndex<E>(({ sha256 }) => [sha256])
  #stamp = ''

  /** A damaged file is set aside. @throws UserError for one that a newer version has written */
  constructor(path: string, schema: z.ZodMiniType<Content<E>>, logger: Logger) {
    this.#path = path
    this.#schema = schema
    this.#logger = logger
    const read = readJson(path, schema)
    if (read.ok) this.#keys = read.value.keys
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of keys set aside')
    this.#stamp = stamp(path)
  }

  /** As the file has them now; the same list until something has changed. */
  all(): readonly E[] {
    if (stamp(this.#path) !== this.#stamp) this.#reload()
    return this.#keys
  }

  /** The keys with this hash; more than one only where somebody has written the same key for several roles. */
  withHash(hash: string): readonly E[] {
    return this.#byHash.find(this.all(), hash)
  }

  /** For `change`. */
  add(entry: E) {
    this.#keys = [...this.#keys, entry]
  }

  /** For `change`. */
  drop(gone: (entry: E) => boolean) {
    this.#keys = this.#keys.filter((each) => !gone(each))
  }

  /**
   * Changes keys, which are on the disk when it returns. Where the disk does not take them, nothing has changed.
   * @param taken called when the disk has taken them, before they replace those in the file
   * @throws the system's error
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

  /** Somebody is editing the list: what cannot be read is left to them, and the keys stay as they were. */
  #reload() {
    this.#stamp = stamp(this.#path)
    try {
      const read = readJson(this.#path, this.#schema)
      if (read.ok) this.#keys = read.value.keys
      else if (read.reason === 'damaged')
        this.#logger.error({ problem: read.problem }, `${this.#path} is not understood: no key has changed`)
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
