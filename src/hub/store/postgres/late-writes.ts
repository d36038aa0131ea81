import type { Clock, Timer } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import { StoreUnavailableError } from '../store-unavailable.ts'
import type { Query } from './connections.ts'
import type { Database } from './database.ts'

/** Interval between rounds of writes, in milliseconds. */
const SAVE_MS = 1000
/** Maximum number of writes in a transaction. */
const AT_ONCE = 50

/** Writes to the database. Called again if it fails. */
type Write = (sql: Query) => Promise<unknown>

/** Delayed writes: one write covers many changes of a record. Failed writes are retried. */
export class LateWrites {
  readonly #options: { database: Database; clock: Clock; logger: Logger }
  readonly #due = new Map<string, Write>()
  #timer: Timer | undefined
  #turn: Promise<void> = Promise.resolve()
  #failing = false
  #closed = false

  constructor(options: { database: Database; clock: Clock; logger: Logger }) {
    this.#options = options
  }

  /** Schedules a write, which replaces an earlier write with this name. */
  later(name: string, write: Write) {
    this.#due.set(name, write)
    if (this.#closed) return
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      void this.#flush()
    }, SAVE_MS)
  }

  /** Writes at once, or retries later if that fails. */
  async now(name: string, write: Write): Promise<void> {
    this.later(name, write)
    await this.#flush()
  }

  /** Resolves when no write with one of these names is waiting. @throws StoreUnavailableError if it could not be written */
  async written(names: string[]): Promise<void> {
    const waits = () => names.some((name) => this.#due.has(name))
    await this.#turn
    if (waits()) await this.#flush()
    if (waits()) throw new StoreUnavailableError('A record of an agent could not be written to the database.')
  }

  /** Resolves when the write with this name is no longer running. The write is dropped if it is waiting. */
  async drop(name: string): Promise<void> {
    this.#due.delete(name)
    await this.#turn
    this.#due.delete(name)
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    await this.#flush()
  }

  #flush(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#writeAll())
    return this.#turn
  }

  async #writeAll(): Promise<void> {
    // All statements lock rows in this order, so that none waits for another that waits for it.
    const all = [...this.#due].sort(([a], [b]) => (a < b ? -1 : 1))
    this.#due.clear()
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const slice = all.slice(at, at + AT_ONCE)
      try {
        await this.#options.database.write(async (sql) => {
          await Promise.all(slice.map(([, write]) => write(sql)))
        })
        this.#failing = false
      } catch (error) {
        if (!this.#failing)
          this.#options.logger.error({ err: error }, 'could not write to the database; will retry')
        this.#failing = true
        // A later write with the same name replaces this one.
        for (const [name, write] of all.slice(at)) if (!this.#due.has(name)) this.later(name, write)
        return
      }
    }
  }
}
