import type { Context, MiddlewareHandler } from 'hono'
import { visibleJson } from '../platform/visible.ts'

/** Has the answers of an API escape what a terminal would obey: people read them with curl. */
export const readableJson: MiddlewareHandler = async (c, next) => {
  const json = (value: object, status?: never, headers: Record<string, string> = {}) =>
    c.body(visibleJson(JSON.stringify(value)), status, { 'content-type': 'application/json', ...headers })
  c.json = json as unknown as Context['json']
  await next()
}
