import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { LinkHandlers, ServerConnectionOptions } from '../../src/link/options.ts'
import { ServerConnection } from '../../src/link/server-connection.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createLogger } from '../../src/platform/log.ts'
import { helloOf } from './light-daemon.ts'
import type { Cleanup } from './temp.ts'

/** Starts a server that calls `greeted` after the greeting of each connection. */
export async function serveGreeted(t: Cleanup, greeted: (socket: WebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.after(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const said = { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, greetings: 0 }
  server.on('connection', (socket) =>
    socket.once('message', () => {
      said.greetings++
      greeted(socket)
    }),
  )
  return said
}

/** Connects the link of a daemon, without starting a daemon. */
export function connectLink(
  t: Cleanup,
  url: string,
  options: Partial<ServerConnectionOptions & LinkHandlers> = {},
) {
  const link = new ServerConnection({
    url,
    key: 'key',
    userAgent: 'test',
    clock: systemClock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
    ...options,
  })
  t.after(() => link.close())
  link.start({ hello: () => helloOf(), onWelcome: () => [], onMessage: () => [], ...options })
  return link
}
