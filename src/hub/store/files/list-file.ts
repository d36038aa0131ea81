import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import type { RecordList } from '../store.ts'

export interface ListFileOptions<R> {
  path: string
  /** Field of the file with the list. */
  field: string
  /** Schema of a record. */
  record: z.ZodMiniType<R>
  /** Name of the records, for the log. */
  content: string
  logger: Logger
}

/**
 * `enrolments.json`, `sessions.json`, `push.json`, `rollouts.json`, and `blocked.json`: a file with a list of
 * records. The first two have only hashes of secrets.
 */
export class ListFile<R> implements RecordList<R> {
  readonly #path: string
  readonly #field: string
  #all: readonly R[] = []

  /** Renames a damaged file. @throws UserError if a newer version wrote the file */
  constructor({ path, field, record, content, logger }: ListFileOptions<R>) {
    this.#path = path
    this.#field = field
    const read = readJson(path, z.object({ version: z.literal(1), [field]: z.array(record) }))
    if (read.ok) this.#all = read.value[field] as R[]
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, `damaged list of ${content} renamed`)
  }

  async all(): Promise<readonly R[]> {
    return this.#all
  }

  async change(edit: (all: readonly R[]) => readonly R[]): Promise<void> {
    const all = edit(this.#all)
    writeAtomic(this.#path, JSON.stringify({ version: 1, [this.#field]: all }, null, 2), { durable: true })
    this.#all = all
  }
}
