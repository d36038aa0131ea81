import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { listenPrivately } from '../../config/listen-private.ts'
import type { Clock } from '../../platform/clock.ts'
import { shortageIn, systemCode, UserError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/log.ts'

/**
 * Maximum time to receive a request, in milliseconds. For connections without a key, `gate/` has stricter
 * limits.
 */
const REQUEST_MS = 60_000
/** Time for unfinished answers to end when the hub stops, in milliseconds. */
const STOP_MS = 1000
/** Interval at which a stopping hub closes connections that have become idle, in milliseconds. */
const SWEEP_MS = 20

export interface ListenerOptions {
  host: string
  /** Port to listen on; 0 for any free port. */
  port: number
  /** Certificate and private key (PEM) for the port. */
  tls: { cert: string; key: string } | undefined
  /** Path of the Unix socket. */
  socket: string
  listener: RequestListener
  /** Called with each server. */
  attend(server: Server): void
  clock: Clock
  logger: Logger
}

/** Listens on a port and on a Unix socket that only the hub's user and root can open. */
export async function openListeners({
  host,
  port,
  tls,
  socket,
  listener,
  attend,
  clock,
  logger,
}: ListenerOptions) {
  const timeouts = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS }
  const server: Server = tls
    ? createTlsServer({ ...timeouts, ...tls }, listener)
    : createPlainServer(timeouts, listener)
  attend(server)
  await listen(server, host, port)
  const servers = [server]
  const local = createPlainServer(timeouts, listener)
  try {
    attend(local)
    await listenPrivately(local, socket)
    servers.push(local)
  } catch (error) {
    logger.warn({ err: error }, 'cannot listen on the Unix socket; programs on this machine use the port')
  }
  return {
    port: (server.address() as AddressInfo).port,
    /** True if the hub listens on the Unix socket. */
    local: servers.length > 1,
    /** Stops listening. @returns a function that waits until all connections have ended */
    close() {
      const closed = Promise.all(servers.map((each) => new Promise((resolve) => each.close(resolve))))
      return async () => {
        const late = clock.setTimeout(() => {
          for (const each of servers) each.closeAllConnections()
        }, STOP_MS)
        const sweep = () => {
          for (const each of servers) each.closeIdleConnections()
          next = clock.setTimeout(sweep, SWEEP_MS)
        }
        let next = clock.setTimeout(sweep, SWEEP_MS)
        await closed
        clock.clearTimeout(late)
        clock.clearTimeout(next)
      }
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = systemCode(error)
      if (code === 'EADDRINUSE')
        reject(
          new UserError('port_in_use', `Port ${port} on ${host} is in use.`, {
            remedy: 'Choose another port with --port or FOMULAR_HUB_PORT, or stop the program that uses it.',
          }),
        )
      else if (shortageIn(error)) reject(error)
      else
        reject(
          new UserError('cannot_listen', `The hub cannot listen on ${host}:${port}: ${error.message}`, {
            remedy: 'Choose another address with --host and --port.',
          }),
        )
    })
    server.listen(port, host, () => {
      // Ignore later errors, as on the Unix socket.
      server.on('error', () => {})
      resolve()
    })
  })
}
