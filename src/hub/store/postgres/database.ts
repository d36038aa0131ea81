import { setTimeout } from 'node:timers/promises'
import type { Connections, Query } from './connections.ts'
import { TooLateError, translated } from './database-errors.ts'
import { LostLeaseError } from './lost-lease-error.ts'

/** Maximum time of a statement or transaction, in milliseconds. After it, the connections are replaced. */
const DEADLINE_MS = 20_000

/**
 * The connections to the database. If the database does not answer in time, they are replaced, because a broken
 * network may never report its failure.
 */
export class Database {
  readonly #connect: () => Connections
  #connections: Connections
  /** Number of the lease under which this hub writes. */
  epoch = 0n

  constructor(connect: () => Connections) {
    this.#connect = connect
    this.#connections = connect()
  }

  /** Runs a statement. @throws StoreUnavailableError if the database cannot be reached, or the error of the database */
  run<T>(statement: (sql: Query) => Promise<T>): Promise<T> {
    return this.#inTime(({ sql }) => statement(sql))
  }

  /** Runs statements in a transaction. @throws the same errors as `run` */
  begin<T>(statements: (sql: Query) => Promise<T>): Promise<T> {
    return this.#inTime((connections) => connections.begin(statements))
  }

  /**
   * Runs statements in a transaction that only the owner of the lease can commit. Another hub that takes the lease
   * waits until the transaction has ended.
   * @throws LostLeaseError if another hub has the lease
   */
  write<T>(statements: (sql: Query) => Promise<T>): Promise<T> {
    return this.begin(async (sql) => {
      const held = await sql`select from lease where epoch = ${String(this.epoch)} for key share`
      if (held.count === 0) throw new LostLeaseError()
      return statements(sql)
    })
  }

  /** Ends all connections. Statements that are still running fail. */
  close() {
    this.#connections.close()
  }

  async #inTime<T>(work: (connections: Connections) => Promise<T>): Promise<T> {
    const connections = this.#connections
    const late = new AbortController()
    try {
      return await Promise.race([work(connections), tooLate(late.signal)])
    } catch (error) {
      if (error instanceof TooLateError) this.#replace(connections)
      throw translated(error)
    } finally {
      late.abort()
    }
  }

  #replace(connections: Connections) {
    if (this.#connections !== connections) return
    this.#connections = this.#connect()
    connections.close()
  }
}

async function tooLate(signal: AbortSignal): Promise<never> {
  await setTimeout(DEADLINE_MS, undefined, { signal, ref: false }).catch(() => {})
  throw new TooLateError('no server that accepts changes answered in time')
}
