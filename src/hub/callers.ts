import type { Context, MiddlewareHandler } from 'hono'
import { visible } from '../platform/visible.ts'
import { covers, routeOf } from './access.ts'
import type { Trails } from './audit/trail.ts'
import { Fault } from './fault.ts'
import { type Gate, tooManyFailures } from './gate/gate.ts'
import type { OpenRequests } from './open-requests.ts'
import { overHttp } from './request.ts'
import type { Caller, UserKeys } from './user-keys.ts'

const callers = new WeakMap<Context, Caller>()

/** Whose request it is; undefined for one that anyone may make. */
export const callerOf = (c: Context): Caller | undefined => callers.get(c)

export interface CallersOptions {
  people: UserKeys
  trails: Trails
  open: OpenRequests
  gate: Gate
}

/** Lets requests through to those who may make them. */
export function letCallersIn({ people, trails, open, gate }: CallersOptions): MiddlewareHandler {
  return async (c, next) => {
    const route = routeOf(c)
    if (route === 'closed') throw new Fault(403, 'forbidden', 'This request is open to nobody.')
    if (route?.role === 'anyone' || (!route && !c.req.path.startsWith('/api/'))) return next()
    const shown = c.req.header('authorization')
    const caller = people.callerWith(shown)
    if (!caller) {
      if (shown !== undefined) {
        trails.denied(c, route, 'unauthorized')
        refuse(c, gate, 'user key')
      }
      c.header('www-authenticate', 'Bearer')
      throw new Fault(401, 'unauthorized', 'This takes a user key of the hub.', {
        remedy: 'Send it as `Authorization: Bearer KEY`.',
      })
    }
    callers.set(c, caller)
    try {
      gate.admitClient(overHttp(c).incoming, caller.key_id)
    } catch (error) {
      trails.denied(c, route, 'too_many_clients')
      throw error
    }
    if (route && !covers(caller.role, route.role)) {
      trails.denied(c, route, 'forbidden')
      throw new Fault(
        403,
        'forbidden',
        `This takes a key with the role ${route.role}; ${visible(caller.name)} is ${caller.role}.`,
        {
          remedy: `Use another, or have an admin make one: \`fomular-daemon hub key create NAME --role ${route.role}\`.`,
        },
      )
    }
    open.watch(c, caller)
    return next()
  }
}

/** Notes that what was shown is not accepted. @throws Fault where too much of its like was shown */
export function refuse(c: Context, gate: Gate, shown: 'user key' | 'enrolment token') {
  const waitS = gate.refuse(overHttp(c).incoming, shown)
  if (waitS === 0) return
  c.header('retry-after', String(waitS))
  throw tooManyFailures(waitS)
}
