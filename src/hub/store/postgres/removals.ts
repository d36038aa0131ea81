import type { Clock, Timer } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Database } from './database.ts'
import { LostLeaseError } from './lost-lease-error.ts'

/**
 * Number of lines that a transaction deletes. It takes a fraction of a second, so it ends long before the deadline of a
 * transaction, and delays other writes little.
 */
const LINES = 5000
/** Interval between attempts while the database is away, in milliseconds. */
const RETRY_MS = 1000

/** Content of `agent.record` while an agent is being removed. */
export const REMOVED = 'removed'

export interface RemovalsOptions {
  database: Database
  clock: Clock
  logger: Logger
}

/**
 * Deletes agents with their histories, one after the other. A history may have millions of lines, so they are deleted in
 * the background, in many transactions. The mark of a removed agent survives a crash in between.
 */
export class Removals {
  readonly #options: RemovalsOptions
  /** Agents to delete, and whether each has its mark. */
  readonly #left = new Map<string, boolean>()
  #running: Promise<void> | undefined
  #timer: Timer | undefined
  #closed = false

  constructor(options: RemovalsOptions) {
    this.#options = options
  }

  /** Marks an agent as removed, and deletes it later. Resolves after the first attempt to mark it. */
  async remove(key: string): Promise<void> {
    this.#left.set(key, false)
    await this.#mark(key).catch((error) => this.#failed(error))
    this.#run()
  }

  /** Deletes an agent that an earlier hub has marked. */
  resume(key: string) {
    this.#left.set(key, true)
    this.#run()
  }

  /** Stops. The next hub deletes the agents that are left. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    await this.#running
  }

  async #mark(key: string): Promise<void> {
    await this.#options.database.write((sql) => sql`update agent set record = ${REMOVED} where key = ${key}`)
    this.#left.set(key, true)
  }

  #run() {
    if (this.#closed || this.#timer) return
    this.#running ??= this.#deleteAll().finally(() => {
      this.#running = undefined
    })
  }

  async #deleteAll(): Promise<void> {
    try {
      for (const [key, isMarked] of this.#left) {
        if (!isMarked) await this.#mark(key)
        if (!(await this.#delete(key))) return
        this.#left.delete(key)
      }
    } catch (error) {
      this.#failed(error)
    }
  }

  /** @returns false if the store was closed before everything was deleted */
  async #delete(key: string): Promise<boolean> {
    const slices = removeHistory(this.#options.database, key)
    for await (const _ of slices) if (this.#closed) return false
    return true
  }

  #failed(error: unknown) {
    const { clock, logger } = this.#options
    if (this.#closed || this.#timer || error instanceof LostLeaseError) return
    logger.error({ err: error }, 'could not delete agents from the database; will retry')
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#run()
    }, RETRY_MS)
  }
}

/** Deletes the lines of an agent, and then the agent. Each step is a transaction. */
export async function* removeHistory(database: Database, key: string): AsyncGenerator<void> {
  for (let deleted = LINES; deleted === LINES; ) {
    deleted = (
      await database.write(
        (sql) => sql`
          delete from activity where agent = ${key} and "from" in (
            select "from" from activity where agent = ${key} order by "from" limit ${LINES})`,
      )
    ).count
    yield
  }
  await database.write((sql) => sql`delete from agent where key = ${key}`)
}
