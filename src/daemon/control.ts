import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { socketAddress } from '../config/paths.ts'
import type { Logger } from '../platform/log.ts'

export type ControlRoutes = Record<string, () => Promise<object>>

/**
 * The daemon's local control: HTTP on a unix socket that only its user can open. `routes` maps `"GET /status"` to what
 * it answers.
 * @returns a function that closes it
 */
export async function listenControl(
  path: string,
  routes: ControlRoutes,
  logger: Logger,
): Promise<() => Promise<void>> {
  const server = createServer((request, response) => void answer(routes, request, response, logger))
  // The lock says that no other daemon lives in this folder: a socket that is there is a dead one's.
  rmSync(path, { force: true })
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketAddress(path), resolve)
    })
  } finally {
    process.umask(mask)
  }
  chmodSync(path, 0o600)
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
}

async function answer(
  routes: ControlRoutes,
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
) {
  const reply = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  request.resume()
  const route = routes[`${request.method} ${request.url}`]
  if (!route)
    return reply(404, { error: { code: 'not_found', message: `No ${request.method} ${request.url} here.` } })
  try {
    reply(200, await route())
  } catch (error) {
    logger.error({ err: error }, 'control request failed')
    reply(500, { error: { code: 'internal', message: (error as Error).message } })
  }
}
