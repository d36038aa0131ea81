import type { Context, MiddlewareHandler } from 'hono'
import { visibleJson } from '../platform/visible.ts'

/** Has the answers of an API escape what a terminal would obey: people read them with curl. */
export const readableJson: MiddlewareHandler = async (c, next) => {
  const json = (value: object, status?: never, headers: Record<string, string> = {}) => {
    const text = visibleJson(JSON.stringify(value))
    return c.body(text, status, {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      ...headers,
    })
  }
  c.json = json as unknown as Context['json']
  await next()
}
