import { setTimeout } from 'node:timers/promises'
import type postgres from 'postgres'
import { systemCode } from '../../../platform/errors.ts'
import { TooLateError, translated } from './database-errors.ts'
import { LostLeaseError } from './lost-lease-error.ts'

export type Sql = postgres.Sql
/** Connections that a transaction or a single statement uses. */
export type Query = postgres.ISql

/** Maximum time of a statement or transaction, in milliseconds. After it, the connections are replaced. */
const DEADLINE_MS = 20_000

/**
 * The connections to the database. If the database does not answer in time, they are replaced, because a broken
 * network may never report its failure.
 */
export class Database {
  readonly #connect: () => Sql
  #sql: Sql
  #closed = false
  /** Number of the lease under which this hub writes. */
  epoch = 0n

  constructor(connect: () => Sql) {
    this.#connect = connect
    this.#sql = connect()
  }

  /** Runs a query. @throws StoreUnavailableError if the database cannot be reached, or the error of the database */
  async run<T>(query: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const sql = this.#sql
    const late = new AbortController()
    try {
      return await Promise.race([this.#attempt(sql, query, late.signal), tooLate(late.signal)])
    } catch (error) {
      if (error instanceof TooLateError) this.#replace(sql)
      throw translated(error)
    } finally {
      late.abort()
    }
  }

  /**
   * Runs statements in a transaction that only the owner of the lease can commit. Another hub that takes the lease
   * waits until the transaction has ended.
   * @throws LostLeaseError if another hub has the lease
   */
  write<T>(statements: (sql: Query) => Promise<T>): Promise<T> {
    return this.run((sql) =>
      sql.begin(async (tx) => {
        const held = await tx`select from lease where epoch = ${String(this.epoch)} for key share`
        if (held.count === 0) throw new LostLeaseError()
        return statements(tx)
      }),
    ) as Promise<T>
  }

  /** Ends all connections. Statements that are still running fail. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sql.end({ timeout: 1 }).catch(() => {})
  }

  /** Runs a query on a server that accepts changes. */
  async #attempt<T>(sql: Sql, query: (sql: Sql) => PromiseLike<T>, late: AbortSignal): Promise<T> {
    for (;;)
      try {
        return await query(sql)
      } catch (error) {
        // The server accepts no changes, so the connection was ended before the query was sent.
        const isRefused = error instanceof Error && systemCode(error) === 'CONNECTION_DESTROYED'
        if (!isRefused || late.aborted || this.#closed || this.#sql !== sql) throw error
      }
  }

  #replace(sql: Sql) {
    if (this.#sql !== sql) return
    this.#sql = this.#connect()
    void sql.end({ timeout: 0 }).catch(() => {})
  }
}

async function tooLate(signal: AbortSignal): Promise<never> {
  await setTimeout(DEADLINE_MS, undefined, { signal, ref: false }).catch(() => {})
  throw new TooLateError('no server that accepts changes answered in time')
}
