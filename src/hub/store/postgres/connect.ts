import { isIP } from 'node:net'
import type { DatabaseAddress } from '../../../config/hub-store.ts'
import type { Logger } from '../../../platform/log.ts'
import { Database } from './database.ts'
import { socketsTo } from './sockets.ts'

/** Number of connections: statements that wait for a lock must not delay the activity of other agents. */
const CONNECTIONS = 6
/** Times in seconds. */
const CONNECT_S = 5
const KEEP_ALIVE_S = 30
const RETRY_S = 0.5
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
  const { default: postgres } = await import('postgres')
  const { hosts, database, user, password } = address
  // The types of the client lack this option.
  const sockets = { socket: socketsTo(hosts) }
  return new Database(() =>
    postgres({
      ...sockets,
      host: hosts[0].host,
      port: hosts[0].port,
      database,
      username: user,
      password: () => password ?? '',
      ssl: sslOf(address),
      // After a failover, an address can lead to a server that accepts no changes, and may lack the latest ones.
      target_session_attrs: 'primary',
      max: CONNECTIONS,
      connect_timeout: CONNECT_S,
      keep_alive: KEEP_ALIVE_S,
      backoff: () => RETRY_S,
      onnotice: ({ message }) => logger.debug({ message }, 'notice of the database'),
      connection: {
        application_name: 'fomular-hub',
        statement_timeout: STATEMENT_MS,
        idle_in_transaction_session_timeout: IDLE_MS,
      },
    }),
  )
}

function sslOf({ hosts, tls }: DatabaseAddress) {
  if (!tls) return false
  const [{ host }] = hosts
  return {
    rejectUnauthorized: true,
    // The client of the database sets the names of hosts, but no addresses.
    ...(isIP(host) && { host }),
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(!tls.checksName && { checkServerIdentity: () => undefined }),
  }
}
