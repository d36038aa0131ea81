import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listenPrivately } from '../config/listen-private.ts'
import { Failure, UserError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import { boundedJson } from '../protocol/bounded-json.ts'

/** Handlers, by method and path. Request bodies are JSON or empty. */
export type ControlRoutes = Record<string, (body: unknown) => Promise<object>>

/** Maximum size of a request body, in bytes. Orders are short. */
const BODY_BYTES = 64 * 1024

/**
 * Serves requests of local programs to the daemon: HTTP on a Unix socket that only the daemon's user can
 * open. `routes` maps `"GET /status"` to a handler.
 * @returns a function that closes the server
 */
export async function listenControl(
  path: string,
  routes: ControlRoutes,
  logger: Logger,
): Promise<() => Promise<void>> {
  const server = createServer((request, response) => void answer(routes, request, response, logger))
  await listenPrivately(server, path)
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
  const route = routes[`${request.method} ${request.url}`]
  if (!route) request.resume()
  if (!route)
    return reply(404, {
      error: { code: 'not_found', message: `The daemon does not know ${request.method} ${request.url}.` },
    })
  try {
    reply(200, await route(await bodyOf(request)))
  } catch (error) {
    if (error instanceof Failure) {
      const { code, message, remedy } = error
      return reply(422, { error: { code, message, ...(remedy !== undefined && { remedy }) } })
    }
    logger.error({ err: error }, 'control request failed')
    reply(500, { error: { code: 'internal', message: (error as Error).message } })
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > BODY_BYTES) throw new UserError('too_large', 'The request is too long.')
  }
  if (text === '') return undefined
  const body = boundedJson(text)
  if (body === undefined) throw new UserError('invalid_command', 'The request is not JSON.')
  return body
}
