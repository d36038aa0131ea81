import type { Context, MiddlewareHandler } from 'hono'
import { visible } from '../../platform/visible-text.ts'
import { type Gate, tooManyFailures } from '../gate/gate.ts'
import { HttpError } from '../http-error.ts'
import { covers } from '../registry/roles.ts'
import type { Sessions } from '../registry/sessions.ts'
import type { Caller, UserKeys } from '../registry/user-keys.ts'
import { type Found, routeOf } from './access.ts'
import type { Trails } from './audit-trails.ts'
import { setCaller } from './caller.ts'
import type { OpenRequests } from './open-requests.ts'
import { overHttp } from './request.ts'
import { CROSS_SITE, crossSite, isCrossSite, sessionShown } from './session-credentials.ts'

export interface AuthenticateOptions {
  people: UserKeys
  sessions: Sessions
  trails: Trails
  open: OpenRequests
  gate: Gate
}

/** Returns the middleware that authenticates and authorizes requests. */
export function authenticate(options: AuthenticateOptions): MiddlewareHandler {
  const { trails, open, gate } = options
  return async (c, next) => {
    const route = routeOf(c)
    if (route === 'closed') throw new HttpError(403, 'forbidden', 'This request is not allowed for any key.')
    if (route?.role === 'anyone' || (!route && !c.req.path.startsWith('/api/'))) return next()
    const caller = await callerIn(c, route, options)
    setCaller(c, caller)
    try {
      gate.admitClient(overHttp(c).incoming, caller.key_id)
    } catch (error) {
      trails.onDenied(c, route, 'too_many_clients')
      throw error
    }
    if (route && !covers(caller.role, route.role)) {
      trails.onDenied(c, route, 'forbidden')
      throw new HttpError(
        403,
        'forbidden',
        `This request needs a key with the role ${route.role}; ${visible(caller.name)} has the role ${caller.role}.`,
        {
          remedy: `Use another key, or ask an admin for one: \`fomular-daemon hub key create NAME --role ${route.role}\`.`,
        },
      )
    }
    open.watch(c, caller)
    return next()
  }
}

/** Returns the caller of a request. @throws HttpError if the request shows no accepted key or session */
async function callerIn(
  c: Context,
  route: Found | undefined,
  { people, sessions, trails, gate }: AuthenticateOptions,
): Promise<Caller> {
  // A proxy may demand a password, which browsers also send as `Authorization`.
  const session = sessionShown(c)
  if (session !== undefined) {
    if (isCrossSite(c)) {
      trails.onDenied(c, route, CROSS_SITE)
      throw crossSite()
    }
    const caller = session === 'invalid' ? undefined : await sessions.callerWith(session)
    if (caller) return caller
    trails.onDenied(c, route, 'unauthorized')
    refuse(c, gate, 'session')
    throw new HttpError(401, 'unauthorized', 'This session has ended.', { remedy: 'Sign in again.' })
  }
  const shown = c.req.header('authorization')
  const caller = await people.callerWith(shown)
  if (caller) return caller
  if (shown !== undefined) {
    trails.onDenied(c, route, 'unauthorized')
    refuse(c, gate, 'user key')
  }
  c.header('www-authenticate', 'Bearer')
  throw new HttpError(401, 'unauthorized', 'This request needs a user key.', {
    remedy: 'Send it as `Authorization: Bearer KEY`.',
  })
}

/**
 * Counts an invalid key, token, or session. @throws HttpError if there were too many invalid credentials from
 * this address
 */
export function refuse(
  c: Context,
  gate: Gate,
  shown: 'user key' | 'enrollment token' | 'session' | 'sign-in token',
) {
  const waitS = gate.refuse(overHttp(c).incoming, shown)
  if (waitS > 0) throw tooManyFailures(waitS)
}
