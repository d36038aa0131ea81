import { Socket } from 'node:net'
import type pg from 'pg'

type Value = string | number | boolean | Uint8Array | null | readonly (string | number)[]

/** Runs one statement. Values become parameters, never text of the statement. Numbers of 8 bytes are read as strings. */
export interface Query {
  <Rows extends readonly object[]>(
    text: TemplateStringsArray,
    ...values: Value[]
  ): Promise<Rows & { count: number }>
  /** Runs statements without parameters. */
  unsafe(text: string): Promise<unknown>
}

/** The connection to the database has failed, or could not be made. */
export class ConnectionError extends Error {}

/**
 * Connections to the database, which are made when they are needed. Each transaction has its own connection. After
 * the connection is lost, all further statements of the transaction fail.
 */
export class Connections {
  readonly #pool: pg.Pool
  readonly #sockets = new Set<Socket>()
  /** Runs a statement in its own transaction. */
  readonly sql: Query

  constructor(Pool: typeof pg.Pool, config: pg.PoolConfig, notice: (message: string) => void) {
    this.#pool = new Pool({ ...config, stream: () => this.#socket() })
    this.#pool.on('connect', (client) => {
      // The statements that are running fail with this error.
      client.on('error', () => {})
      client.on('notice', ({ message }) => notice(message ?? ''))
    })
    this.#pool.on('error', () => {})
    this.sql = queryOf(this.#pool)
  }

  /** Commits the statements together, or none of them. */
  async begin<T>(statements: (sql: Query) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch(failed)
    let over = false
    const sql = queryOf({
      query: async (statement: Statement): Promise<pg.QueryResult> => {
        // The connection may already run a statement of another transaction.
        if (over) throw new Error('The transaction has ended.')
        return client.query(statement)
      },
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
        () => client.release(),
        (lost) => client.release(lost),
      )
      throw error
    }
  }

  /** Ends all connections at once. Statements that are still running fail. */
  close() {
    void this.#pool.end().catch(() => {})
    for (const socket of this.#sockets) socket.destroy()
  }

  #socket(): Socket {
    const socket = new Socket()
    this.#sockets.add(socket)
    return socket.once('close', () => this.#sockets.delete(socket))
  }
}

interface Statement {
  text: string
  values?: Value[]
}

function queryOf(client: { query(statement: Statement): Promise<pg.QueryResult> }): Query {
  const run = async (statement: Statement) => {
    const { rows = [], rowCount } = await client.query(statement).catch(failed)
    return Object.assign(rows, { count: rowCount ?? 0 })
  }
  const sql = (text: TemplateStringsArray, ...values: Value[]) =>
    run({ text: text.reduce((before, part, n) => `${before}$${n}${part}`), values })
  return Object.assign(sql as Query, { unsafe: (text: string) => run({ text }) })
}

/** Distinguishes a failed connection from an error of the database, which has an SQLSTATE. */
function failed(error: Error): never {
  throw 'severity' in error ? error : new ConnectionError(error.message, { cause: error })
}
