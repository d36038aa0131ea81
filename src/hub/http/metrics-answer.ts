import type { Context } from 'hono'
import { acceptedFormat, CONTENT_TYPES, exposition } from '../../metrics/exposition.ts'
import type { Family } from '../../metrics/family-schema.ts'

/** Answers a request for metrics in a format that the client accepts. */
export function metricsAnswer(c: Context, families: Family[]): Response {
  const format = acceptedFormat(c.req.header('accept'))
  return c.body(exposition(families, format), 200, {
    'content-type': CONTENT_TYPES[format],
    'cache-control': 'no-store',
    vary: 'accept',
  })
}
