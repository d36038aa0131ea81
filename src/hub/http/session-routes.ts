import { type Context, Hono } from 'hono'
import { visible } from '../../platform/visible-text.ts'
import { type Me, type NewSession, SignInRequest } from '../../protocol/index.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError } from '../http-error.ts'
import type { Sessions } from '../registry/sessions.ts'
import type { SignInTokens } from '../registry/sign-in-tokens.ts'
import type { Subscriptions } from '../registry/subscriptions.ts'
import type { Caller } from '../registry/user-keys.ts'
import { routeOf } from './access.ts'
import type { Trails } from './audit-trails.ts'
import { refuse } from './authenticate.ts'
import { callerOf, setCaller } from './caller.ts'
import type { OpenRequests } from './open-requests.ts'
import { jsonBody, limited, overHttp, parse } from './request.ts'
import { crossSite, dropSessionCookie, isCrossSite, setSessionCookie } from './session-credentials.ts'

/** Maximum size of a request with a one-time token, in bytes. */
const TOKEN_BODY_BYTES = 4096

export interface SessionContext {
  sessions: Sessions
  signIns: SignInTokens
  subscriptions: Subscriptions
  open: OpenRequests
  trails: Trails
  gate: Gate
}

/** Returns the routes below `/api` about the caller's key and about sessions. */
export function sessionRoutes(context: SessionContext): Hono {
  const { sessions, signIns, subscriptions, open, trails } = context
  const app = new Hono()
  app.get('/me', (c) => c.json(callerOf(c)! satisfies Me))

  app.get('/sessions', (c) => c.json({ sessions: sessions.list(callerOf(c)!) }))

  app.post('/sessions', async (c) => {
    const made = await create(c, callerOf(c)!, context)
    trails.addFacts(c, { target: made.session.session_id })
    return c.json(made, 201)
  })

  app.delete('/sessions/:session_id', async (c) => {
    const id = c.req.param('session_id')
    if (!(await sessions.end(id, callerOf(c)!)))
      throw new HttpError(404, 'session_not_found', `Session ${visible(id)} not found.`)
    open.endSessions([id], c)
    await subscriptions.recheck()
    dropSessionCookie(c, id)
    return c.json({})
  })

  app.post('/sign-in-tokens', (c) => c.json(signIns.make(callerOf(c)!), 201))
  return app
}

/** Returns the route `/sign-in`, with which a browser exchanges a one-time token for a session. */
export function signInRoute(context: SessionContext): Hono {
  const { signIns, trails, gate } = context
  const app = new Hono()
  app.post('/', limited(TOKEN_BODY_BYTES), async (c) => {
    if (isCrossSite(c)) throw crossSite()
    const { token } = parse(SignInRequest, await jsonBody(c))
    const caller = await signIns.creatorOf(token)
    if (!caller) throw invalid(c)
    setCaller(c, caller)
    const made = await trails.recordPublic(c, { action: 'session:create' }, async () => {
      // Another request may have used the token while the audit log was written.
      if (!(await signIns.creatorOf(token)) || !signIns.use(token)) throw invalid(c)
      return create(c, caller, context)
    })
    return c.json(made, 201)
  })
  return app

  /** Counts and records an invalid token. @returns the error for it @throws HttpError after too many */
  function invalid(c: Context) {
    const route = routeOf(c)
    if (route !== 'closed') trails.onDenied(c, route, 'token_invalid')
    refuse(c, gate, 'sign-in token')
    return new HttpError(401, 'token_invalid', 'This sign-in link is unknown, expired, or already used.', {
      remedy: 'Run `fomular-daemon open` again, or sign in with a user key.',
    })
  }
}

/** Creates a session, and gives its cookie to the browser. */
async function create(
  c: Context,
  caller: Caller,
  { sessions, subscriptions, open, gate }: SessionContext,
): Promise<NewSession> {
  const { incoming } = overHttp(c)
  const { session, secret, cookie, ended } = await sessions.create(caller, {
    from: gate.addressOf(incoming),
    user_agent: c.req.header('user-agent'),
  })
  setSessionCookie(c, session.session_id, cookie, gate.isSecure(incoming))
  open.endSessions(ended, c)
  await subscriptions.recheck()
  return { session, secret }
}
