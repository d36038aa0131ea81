import type { ServerResponse } from 'node:http'

/** A comment in the stream, which clients ignore. */
export const KEEP_ALIVE = ':\n\n'

/** Returns the lines of a message before its data. */
export const headOf = (event: string, id?: string) =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}`

export const message = (event: string, data: unknown, id?: string) =>
  `${headOf(event, id)}data: ${JSON.stringify(data)}\n\n`

/**
 * Begins an answer with server-sent events. The answer is written without hono, because a web stream would
 * buffer it.
 * @returns false if the client wants only the head of the answer
 */
export function beginStream(response: ServerResponse): boolean {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Otherwise proxies such as nginx buffer the events.
    'x-accel-buffering': 'no',
  })
  const isWanted = response.req.method !== 'HEAD'
  if (isWanted) response.flushHeaders()
  else response.end()
  return isWanted
}

/** Returns the answer that tells the adapter between hono and Node that the response was already sent. */
export const alreadySent = () => new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
