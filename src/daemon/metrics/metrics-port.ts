import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { acceptedFormat, CONTENT_TYPES, exposition } from '../../metrics/exposition.ts'
import type { Family } from '../../metrics/family-schema.ts'
import { systemCode } from '../../platform/errors.ts'
import type { Logger } from '../../platform/log.ts'
import { isLoopback } from '../../protocol/loopback.ts'

const HOST = '127.0.0.1'
/** Maximum number of connections. One program reads the metrics, and people try it out. */
const CONNECTIONS = 16
/** Maximum time to receive a request, in ms. */
const REQUEST_MS = 5000

/**
 * Serves metrics at `GET /metrics` on a loopback port. If the port cannot be used, the daemon works without it.
 * @param port undefined to serve nothing
 * @returns a function that closes the server
 */
export function listenMetrics(
  port: number | undefined,
  families: () => Family[],
  logger: Logger,
): () => void {
  if (port === undefined) return () => {}
  const timeouts = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS }
  const server = createServer(timeouts, (request, response) => answer(families, request, response, logger))
  server.maxConnections = CONNECTIONS
  server.on('error', (error) => {
    const why = systemCode(error) === 'EADDRINUSE' ? 'another program uses it' : error.message
    logger.error(
      `The metrics are not served on port ${port} of ${HOST}: ${why}. Choose another --metrics-port.`,
    )
  })
  server.listen(port, HOST)
  return () => {
    server.close()
    server.closeAllConnections()
  }
}

function answer(
  families: () => Family[],
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
) {
  request.resume()
  const reply = (status: number, type: string, text: string) => {
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
    response.end(text)
  }
  // A web page could point its own host name at this address.
  if (!isLoopback((request.headers.host ?? '').replace(/:\d*$/, '')))
    return reply(403, PLAIN, 'Use the name 127.0.0.1.\n')
  if (request.method !== 'GET' || request.url !== '/metrics')
    return reply(404, PLAIN, 'The metrics are at GET /metrics.\n')
  try {
    const format = acceptedFormat(request.headers.accept)
    reply(200, CONTENT_TYPES[format], exposition(families(), format))
  } catch (err) {
    logger.error({ err }, 'cannot read the metrics')
    reply(500, PLAIN, 'The metrics cannot be read. See the log of the daemon.\n')
  }
}

const PLAIN = 'text/plain; charset=utf-8'
