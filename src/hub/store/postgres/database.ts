import { setTimeout } from 'node:timers/promises'
import type postgres from 'postgres'
import { systemCode } from '../../../platform/errors.ts'
import { StoreUnavailableError } from '../store-unavailable.ts'
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
      return await Promise.race([query(sql), tooLate(late.signal)])
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
        const held = await tx`select from lease where epoch = ${String(this.epoch)} for share`
        if (held.count === 0) throw new LostLeaseError()
        return statements(tx)
      }),
    ) as Promise<T>
  }

  /** Ends all connections. Statements that are still running fail. */
  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 }).catch(() => {})
  }

  #replace(sql: Sql) {
    if (this.#sql !== sql) return
    this.#sql = this.#connect()
    void sql.end({ timeout: 0 }).catch(() => {})
  }
}

class TooLateError extends Error {}

async function tooLate(signal: AbortSignal): Promise<never> {
  await setTimeout(DEADLINE_MS, undefined, { signal, ref: false }).catch(() => {})
  throw new TooLateError('It did not answer in time.')
}

/**
 * SQLSTATEs of a database that may accept the statement later: connection failures, insufficient resources, ended
 * connections, timeouts of statements, transactions, and locks, deadlocks, and a standby that is not promoted yet.
 */
const UNAVAILABLE = /^(08|53|57P|57014|25P03|55P03|40001|40P01|25006)/
const CONNECTION = /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|ENOENT|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT)/
/** The disk of the database is full. */
const FULL = '53100'

/** Returns the error for other parts of the hub, which do not know the codes of the database. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = systemCode(error) ?? ''
  if (code === FULL) return Object.assign(new Error(error.message, { cause: error }), { code: 'ENOSPC' })
  if (error instanceof TooLateError || UNAVAILABLE.test(code) || CONNECTION.test(code))
    return new StoreUnavailableError(`The hub's database cannot be reached: ${error.message || code}`, error)
  return error
}
