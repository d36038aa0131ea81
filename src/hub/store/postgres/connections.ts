import { Socket } from 'node:net'
import type pg from 'pg'
import { systemCode } from '../../../platform/errors.ts'

type Value = string | number | boolean | Uint8Array | null | readonly (string | number | null)[]

/** Runs one statement. Values become parameters, never text of the statement. Numbers of 8 bytes are read as strings. */
export interface Query {
  <Rows extends readonly object[]>(
    text: TemplateStringsArray,
    ...values: Value[]
  ): Promise<Rows & { count: number }>
  /** Runs statements without parameters. */
  unsafe(text: string): Promise<unknown>
}

interface Statement {
  text: string
  values?: Value[]
}

/** SQLSTATE of a change that a server refuses because it only reads. */
const READ_ONLY = '25006'

/** The connection to the database has failed, or could not be made. */
export class ConnectionError extends Error {
  readonly code: string | undefined

  constructor(cause: Error) {
    super(cause.message || systemCode(cause), { cause })
    // The client of the database has no code for this error.
    this.code = / not support SSL /.test(cause.message) ? 'ERR_SSL_UNSUPPORTED' : systemCode(cause)
  }
}

/**
 * Connections to the servers of the database, which are made when they are needed. Only servers that accept changes
 * are used. Each transaction has its own connection. After the connection is lost, all further statements of the
 * transaction fail.
 */
export class Connections {
  readonly #pools: pg.Pool[]
  readonly #sockets = new Set<Socket>()
  /** Connections to servers that accepted changes when the connection was made. */
  readonly #checked = new WeakSet<pg.PoolClient>()
  /** The server that was used last. */
  #first = 0
  /** Runs a statement in its own transaction. */
  readonly sql = queryOf((statement) => this.#run(statement))

  /** @param configs one for each server */
  constructor(Pool: typeof pg.Pool, configs: readonly pg.PoolConfig[], notice: (message: string) => void) {
    this.#pools = configs.map((config) => {
      const pool = new Pool({ ...config, stream: () => this.#socket() })
      pool.on('connect', (client) => {
        // The statements that are running fail with this error.
        client.on('error', () => {})
        client.on('notice', ({ message }) => notice(message ?? ''))
      })
      return pool.on('error', () => {})
    })
  }

  /** Commits the statements together, or none of them. */
  async begin<T>(statements: (sql: Query) => Promise<T>): Promise<T> {
    const client = await this.#connect()
    let over = false
    const sql = queryOf(async (statement) => {
      // The connection may already run a statement of another transaction.
      if (over) throw new Error(OVER)
      return client.query(statement)
    })
    try {
      await sql`begin`
      const result = await statements(sql)
      over = true
      const { command } = await client.query('commit').catch(failed)
      if (command !== 'COMMIT') throw new Error('A statement of the transaction has failed.')
      client.release()
      return result
    } catch (error) {
      over = true
      await client.query('rollback').then(
        () => client.release(isReadOnly(error)),
        (lost) => client.release(lost),
      )
      throw error
    }
  }

  /** Ends all connections at once. Statements that are still running fail. */
  close() {
    for (const pool of this.#pools) void pool.end().catch(() => {})
    for (const socket of this.#sockets) socket.destroy()
  }

  async #run(statement: Statement): Promise<pg.QueryResult> {
    const client = await this.#connect()
    try {
      const result = await client.query(statement)
      client.release()
      return result
    } catch (error) {
      client.release(!isOfDatabase(error) || isReadOnly(error))
      throw error
    }
  }

  /** Returns a connection to a server that accepts changes. */
  async #connect(): Promise<pg.PoolClient> {
    let failure: unknown
    for (const [n] of this.#pools.entries()) {
      const at = (this.#first + n) % this.#pools.length
      try {
        const client = await this.#connectTo(this.#pools[at]!)
        this.#first = at
        return client
      } catch (error) {
        failure ??= error
      }
    }
    return failed(failure as Error)
  }

  async #connectTo(pool: pg.Pool): Promise<pg.PoolClient> {
    const client = await pool.connect()
    if (this.#checked.has(client)) return client
    try {
      const { rows } = await client.query('show transaction_read_only')
      if (rows[0]?.transaction_read_only !== 'off') throw new Error('the server accepts no changes')
      this.#checked.add(client)
      return client
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  #socket(): Socket {
    const socket = new Socket()
    this.#sockets.add(socket)
    return socket.once('close', () => this.#sockets.delete(socket))
  }
}

function queryOf(execute: (statement: Statement) => Promise<pg.QueryResult>): Query {
  const run = async (statement: Statement) => {
    const { rows = [], rowCount } = await execute(statement).catch(failed)
    return Object.assign(rows, { count: rowCount ?? 0 })
  }
  const sql = (text: TemplateStringsArray, ...values: Value[]) =>
    run({ text: text.reduce((before, part, n) => `${before}$${n}${part}`), values })
  return Object.assign(sql as Query, { unsafe: (text: string) => run({ text }) })
}

/** Reports whether the database itself has reported the error, with an SQLSTATE. */
const isOfDatabase = (error: unknown) => error instanceof Error && 'severity' in error
const isReadOnly = (error: unknown) => error instanceof Error && systemCode(error) === READ_ONLY

/** Distinguishes failed connections from other errors. */
function failed(error: Error): never {
  const isKnown = isOfDatabase(error) || error instanceof ConnectionError || error.message === OVER
  throw isKnown ? error : new ConnectionError(error)
}

const OVER = 'The transaction has ended.'
