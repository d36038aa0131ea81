import type { Context, MiddlewareHandler } from 'hono'
import { visibleJson } from '../../platform/visible-text.ts'
import { jsonParts, shown } from '../registry/client-json.ts'

/** Escapes terminal control characters in JSON answers, because people read the answers with curl. */
export const readableJson: MiddlewareHandler = async (c, next) => {
  const json = (value: object, status?: never, headers?: Record<string, string>) =>
    answer(c, Buffer.from(visibleJson(JSON.stringify(value))), status, headers)
  c.json = json as unknown as Context['json']
  await next()
}

/** Answers with JSON that may be many MiB. Serves other requests while the JSON is built. */
export const longJson = async (c: Context, object: Record<string, unknown>) =>
  answer(c, await shown(jsonParts(object)))

const answer = (c: Context, body: Buffer, status?: never, headers: Record<string, string> = {}) =>
  c.body(body as Uint8Array<ArrayBuffer>, status, {
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...headers,
  })
