import type { Context, Hono } from 'hono'
import { EnrollCheck, EnrollRequest, EnrolmentRequest } from '../protocol/index.ts'
import { routeOf } from './access.ts'
import type { Trails } from './audit/trail.ts'
import { callerOf, refuse } from './callers.ts'
import type { Enrolments } from './enrolments.ts'
import { Fault } from './fault.ts'
import type { Gate } from './gate/gate.ts'
import { idOf } from './key-entry.ts'
import { hashOf } from './key-store.ts'
import type { Keys } from './keys.ts'
import { FORM_TYPE, jsonBody, limited, parse } from './request.ts'

/** Of a request that anybody can make. */
const OPEN_BODY_BYTES = 4096

/** Requests about tokens by which machines enroll, and those of such machines. */
export function enrolmentRoutes(
  app: Hono,
  { enrolments, keys, gate, trails }: { enrolments: Enrolments; keys: Keys; gate: Gate; trails: Trails },
) {
  app.post('/enroll', limited(OPEN_BODY_BYTES), async (c) => {
    const request = parse(EnrollRequest, await jsonBody(c, FORM_TYPE))
    const { token, key_sha256, hostname, machine_id } = request
    return withToken(c, () => {
      const again = keys.machineKeyName(key_sha256) !== undefined
      const answer = enrolments.exchange(request, c.req.header('authorization'))
      // Machines could fill the log otherwise.
      if (!again)
        trails.enrolled(c, {
          target: idOf(hashOf(token)),
          ...(machine_id !== undefined && { machine_id }),
          details: { name: answer.name, hostname, key_id: idOf(key_sha256) },
        })
      return answer
    })
  })
  app.post('/enroll/check', limited(OPEN_BODY_BYTES), async (c) => {
    const request = parse(EnrollCheck, await jsonBody(c, FORM_TYPE))
    return withToken(c, () => enrolments.check(request))
  })

  app.get('/api/enrolments', (c) => c.json({ enrolments: enrolments.list() }))
  app.post('/api/enrolments', async (c) => {
    const made = enrolments.open(parse(EnrolmentRequest, await jsonBody(c)), callerOf(c)?.name)
    trails.found(c, { target: idOf(hashOf(made.token)) })
    return c.json(made, 201)
  })
  app.delete('/api/enrolments/:token_id', (c) => {
    enrolments.cancel(c.req.param('token_id'))
    return c.json({})
  })

  /** Answers with what follows from a token. @throws Fault */
  function withToken(c: Context, use: () => object) {
    try {
      return c.json(use())
    } catch (error) {
      if (error instanceof Fault && error.error.code === 'token_invalid') {
        const route = routeOf(c)
        if (route !== 'closed') trails.denied(c, route, 'token_invalid')
        refuse(c, gate, 'enrolment token')
      }
      throw error
    }
  }
}
