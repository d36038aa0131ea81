import { statSync } from 'node:fs'
import type * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'

interface Content<E> {
  version: 1
  keys: E[]
}

/** A file with a list of keys in it, read again when somebody has changed it. */
export class KeyFile<E> {
  readonly #path: string
  readonly #schema: z.ZodMiniType<Content<E>>
  readonly #logger: Logger
  #keys: E[] = []
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

  /** As the file has them now. */
  all(): readonly E[] {
    if (stamp(this.#path) !== this.#stamp) this.#reload()
    return this.#keys
  }

  /** Is on the disk once it is saved. */
  add(entry: E) {
    this.#keys.push(entry)
  }

  /** Is on the disk once it is saved. */
  drop(gone: (entry: E) => boolean) {
    this.#keys = this.#keys.filter((each) => !gone(each))
  }

  /** Is on the disk when it returns. @throws the system's error */
  save() {
    writeAtomic(this.#path, JSON.stringify({ version: 1, keys: this.#keys }, null, 2), { durable: true })
    this.#stamp = stamp(this.#path)
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
