import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { listenPrivately } from '../config/listen-private.ts'
import { shortageIn, systemCode, UserError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'

/** From the first byte of a request to the end of its body, and to the end of its headers: see `gate` for strangers. */
const REQUEST_MS = 60_000
/** How long answers that are under way may take when the hub stops. */
const STOP_MS = 1000
/** Connections that have become idle meanwhile are ended after so long. */
const SWEEP_MS = 20

export interface DoorsOptions {
  host: string
  /** 0 for any that is free. */
  port: number
  /** Certificate and private key, PEM, for the port. */
  tls: { cert: string; key: string } | undefined
  /** Path of the Unix socket. */
  socket: string
  listener: RequestListener
  /** Called with each of the servers. */
  attend(server: Server): void
  logger: Logger
}

/** What the hub listens on: a port, and a Unix socket that only programs of its user, and of root, can open. */
export async function openDoors({ host, port, tls, socket, listener, attend, logger }: DoorsOptions) {
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
    logger.warn({ err: error }, 'no Unix socket for this machine: its programs use the port')
  }
  return {
    port: (server.address() as AddressInfo).port,
    /** Whether there is a Unix socket. */
    local: servers.length > 1,
    /** Lets nobody in any more. @returns a function that waits until all are out */
    close() {
      const closed = Promise.all(servers.map((each) => new Promise((resolve) => each.close(resolve))))
      return async () => {
        const late = setTimeout(() => servers.map((each) => each.closeAllConnections()), STOP_MS)
        const sweep = setInterval(() => servers.map((each) => each.closeIdleConnections()), SWEEP_MS)
        await closed
        clearTimeout(late)
        clearInterval(sweep)
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
            remedy: 'Choose another with --port or FOMULAR_HUB_PORT, or stop what uses it.',
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
      // As on the Unix socket.
      server.on('error', () => {})
      resolve()
    })
  })
}
