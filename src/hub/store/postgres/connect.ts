import { isIP } from 'node:net'
import type { DatabaseAddress, DatabaseTls } from '../../../config/hub-store.ts'
import type { Logger } from '../../../platform/log.ts'
import { Connections } from './connections.ts'
import { Database } from './database.ts'

/** Number of connections: statements that wait for a lock must not delay the activity of other agents. */
const CONNECTIONS = 6
/** Maximum time until a statement has a connection to a server, in milliseconds. */
const CONNECT_MS = 3000
/** Time after which a connection that is not used ends, in milliseconds. */
const UNUSED_MS = 60_000
/** Maximum age of a connection, in seconds: the address of a server may change. */
const AGE_S = 3600
const KEEP_ALIVE_MS = 30_000
/** Maximum time of a statement at the server, in milliseconds. */
const STATEMENT_MS = 15_000
/**
 * Maximum pause within a transaction, in milliseconds. A hub that is stopped there would keep its lease locked, and
 * no other hub could take it.
 */
const IDLE_MS = 10_000

/** Prepares connections to a database; they are made when they are needed. */
export async function connect(address: DatabaseAddress, logger: Logger): Promise<Database> {
  // Other hubs need no client of the database.
  const { default: pg } = await import('pg')
  const { hosts, database, user, password, tls } = address
  const configs = hosts.map(({ host, port }) => ({
    host,
    port,
    database,
    user,
    password: () => password ?? '',
    ssl: tls ? sslOf(host, tls) : false,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: UNUSED_MS,
    maxLifetimeSeconds: AGE_S,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    application_name: 'fomular-hub',
    statement_timeout: STATEMENT_MS,
    idle_in_transaction_session_timeout: IDLE_MS,
  }))
  const notice = (message: string) => logger.debug({ message }, 'notice of the database')
  return new Database(() => new Connections(pg.Pool, configs, notice))
}

const sslOf = (host: string, { ca, checksName }: DatabaseTls) => ({
  rejectUnauthorized: true,
  // The client of the database sets the names of hosts, but no addresses.
  ...(isIP(host) && { host }),
  ...(ca !== undefined && { ca }),
  ...(!checksName && { checkServerIdentity: () => undefined }),
})
