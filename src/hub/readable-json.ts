import type { Context, MiddlewareHandler } from 'hono'
import { visibleJson } from '../platform/visible.ts'
import { jsonParts, shown } from './shown.ts'

/** Has the answers of an API escape what a terminal would obey: people read them with curl. */
export const readableJson: MiddlewareHandler = async (c, next) => {
  const json = (value: object, status?: never, headers?: Record<string, string>) =>
    answer(c, Buffer.from(visibleJson(JSON.stringify(value))), status, headers)
  c.json = json as unknown as Context['json']
  await next()
}

/** An answer that may be many MiB: other requests are served while it is made. */
export const longJson = async (c: Context, object: Record<string, unknown>) =>
  answer(c, await shown(jsonParts(object)))

const answer = (c: Context, body: Buffer, status?: never, headers: Record<string, string> = {}) =>
  c.body(body as Uint8Array<ArrayBuffer>, status, {
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...headers,
  })
