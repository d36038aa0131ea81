import { Hono } from 'hono'
import { type Audit, FILTERS, type Filter } from '../audit/audit.ts'
import { pageLimit, wholeNumber } from './request.ts'

/** Default and maximum number of entries on a page. */
const LIMIT = { default: 100, most: 1000 }

/** Returns the route `/api/audit`. */
export function auditRoutes({ audit }: { audit: Audit }): Hono {
  const app = new Hono()
  app.get('/', async (c) => {
    const filter: Filter = Object.fromEntries(
      FILTERS.flatMap((name) => {
        const value = c.req.query(name)
        return value === undefined ? [] : [[name, value]]
      }),
    )
    const after = c.req.query('after') === undefined ? undefined : wholeNumber(c, 'after')
    return c.json(await audit.page({ after, limit: pageLimit(c, LIMIT), filter }))
  })
  return app
}
