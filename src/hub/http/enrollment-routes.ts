import { type Context, Hono } from 'hono'
import { EnrollCheck, EnrollRequest, EnrolmentRequest } from '../../protocol/index.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError } from '../http-error.ts'
import type { Enrollments } from '../registry/enrollments.ts'
import { idOf } from '../store/key-entry.ts'
import { hashOf } from '../store/key-text.ts'
import { routeOf } from './access.ts'
import type { Trails } from './audit-trails.ts'
import { refuse } from './authenticate.ts'
import { callerOf } from './caller.ts'
import { FORM_TYPE, jsonBody, limited, parse } from './request.ts'

/** Maximum size of a request that needs no key, in bytes. */
const OPEN_BODY_BYTES = 4096

export interface EnrollmentContext {
  enrollments: Enrollments
  gate: Gate
  trails: Trails
}

/** Returns the routes below `/enroll`, for machines that enroll. */
export function enrollmentRoutes({ enrollments, gate, trails }: EnrollmentContext): Hono {
  const app = new Hono()
  app.post('/', limited(OPEN_BODY_BYTES), async (c) => {
    const request = parse(EnrollRequest, await jsonBody(c, FORM_TYPE))
    const { token, key_sha256, hostname, machine_id } = request
    return withToken(c, () =>
      enrollments.exchange(request, c.req.header('authorization'), (name, take) => {
        const about = {
          action: 'machine:enroll',
          target: idOf(hashOf(token)),
          ...(machine_id !== undefined && { machine_id }),
          details: { name, hostname, key_id: idOf(key_sha256) },
        }
        return trails.recordPublic(c, about, take)
      }),
    )
  })
  app.post('/check', limited(OPEN_BODY_BYTES), async (c) => {
    const request = parse(EnrollCheck, await jsonBody(c, FORM_TYPE))
    return withToken(c, () => enrollments.check(request))
  })
  return app

  /** Answers with the result of `use`; counts and records an invalid token. @throws HttpError */
  async function withToken(c: Context, use: () => Promise<object>) {
    try {
      return c.json(await use())
    } catch (error) {
      if (error instanceof HttpError && error.error.code === 'token_invalid') {
        const route = routeOf(c)
        if (route !== 'closed') trails.onDenied(c, route, 'token_invalid')
        refuse(c, gate, 'enrollment token')
      }
      throw error
    }
  }
}

/** Returns the routes below `/api/enrolments`, for enrollment tokens. */
export function tokenRoutes({ enrollments, trails }: EnrollmentContext): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.json({ enrolments: await enrollments.list() }))
  app.post('/', async (c) => {
    const made = await enrollments.open(parse(EnrolmentRequest, await jsonBody(c)), callerOf(c)?.name)
    trails.addFacts(c, { target: idOf(hashOf(made.token)) })
    return c.json(made, 201)
  })
  app.delete('/:token_id', async (c) => {
    await enrollments.cancel(c.req.param('token_id'))
    return c.json({})
  })
  return app
}
