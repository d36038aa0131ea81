import type { Context, MiddlewareHandler } from 'hono'
import { visibleJson } from '../../platform/visible-text.ts'
import { jsonParts, shownPieces } from '../registry/client-json.ts'
import { acceptsGzip, gzip } from './gzip.ts'

/**
 * Minimum size of a compressed answer, in bytes. The packets of a smaller answer are sent at once, so its
 * compression would save no time.
 */
const COMPRESSED_BYTES = 16 * 1024

/** Escapes terminal control characters in JSON answers, because people read the answers with curl. */
export const readableJson: MiddlewareHandler = async (c, next) => {
  const json = (value: object, status?: never, headers?: Record<string, string>) =>
    answer(c, Buffer.from(visibleJson(JSON.stringify(value))), status, headers)
  c.json = json as unknown as Context['json']
  await next()
}

/**
 * Answers with JSON that may be many MiB, and compresses it if the client accepts that. Serves other requests
 * while the answer is built.
 */
export async function longJson(
  c: Context,
  object: Record<string, unknown>,
  headers: Record<string, string> = {},
) {
  const pieces = await shownPieces(jsonParts(object))
  const plain = { vary: 'accept-encoding', ...headers }
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
  if (bytes < COMPRESSED_BYTES || !acceptsGzip(c)) return answer(c, Buffer.concat(pieces), undefined, plain)
  return answer(c, await gzip(pieces), undefined, { ...plain, 'content-encoding': 'gzip' })
}

const answer = (c: Context, body: Buffer, status?: never, headers: Record<string, string> = {}) =>
  c.body(body as Uint8Array<ArrayBuffer>, status, {
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...headers,
  })
