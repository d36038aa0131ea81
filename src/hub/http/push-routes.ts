import { createPublicKey } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { visible } from '../../platform/visible-text.ts'
import { PUSH_KINDS, PushSettings, type PushState, SubscribeRequest } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { Notifier } from '../push/notifier.ts'
import type { PushServices } from '../push/push-services.ts'
import type { Subscriptions } from '../registry/subscriptions.ts'
import type { Trails } from './audit-trails.ts'
import { callerOf } from './caller.ts'
import { jsonBody, parse } from './request.ts'

/** Maximum length of an origin, in characters. */
const ORIGIN_CHARS = 300

export interface PushContext {
  subscriptions: Subscriptions
  notifier: Notifier
  services: PushServices
  trails: Trails
}

/** Returns the routes below `/api/push`, with which people get notifications in their browsers. */
export function pushRoutes({ subscriptions, notifier, services, trails }: PushContext): Hono {
  const app = new Hono()
  const state = async (c: Context): Promise<PushState> => ({
    public_key: await notifier.publicKey(),
    offered: [...PUSH_KINDS],
    kinds: subscriptions.kindsOf(callerOf(c)!.key_id),
    subscriptions: subscriptions.list(callerOf(c)!),
  })
  app.get('/', async (c) => c.json(await state(c)))

  app.patch('/', async (c) => {
    const { kinds } = parse(PushSettings, await jsonBody(c))
    await subscriptions.choose(callerOf(c)!, kinds)
    return c.json(await state(c))
  })

  app.post('/subscriptions', async (c) => {
    const request = parse(SubscribeRequest, await jsonBody(c))
    const objection = services.objection(request.endpoint)
    if (objection !== undefined)
      throw new HttpError(400, 'push_endpoint', `The hub sends nothing to this push service: ${objection}.`, {
        path: 'endpoint',
      })
    if (!isPoint(request.keys.p256dh))
      throw new HttpError(400, 'invalid_command', 'keys.p256dh: must be a point of P-256.', {
        path: 'keys.p256dh',
      })
    const made = await subscriptions.add(callerOf(c)!, {
      ...request,
      user_agent: c.req.header('user-agent'),
      origin: originOf(c),
    })
    if (!made)
      throw new HttpError(409, 'too_many_subscriptions', 'The hub has the maximum number of subscriptions.', {
        remedy: 'Remove subscriptions that are no longer needed.',
      })
    notifier.watch()
    trails.addFacts(c, { target: made.subscription_id })
    return c.json(made, 201)
  })

  app.delete('/subscriptions/:subscription_id', async (c) => {
    const id = c.req.param('subscription_id')
    if (!(await subscriptions.remove(id, callerOf(c)!)))
      throw new HttpError(404, 'subscription_not_found', `Subscription ${visible(id)} not found.`)
    return c.json({})
  })
  return app
}

/** Reports whether a public key is a point of the curve P-256. */
function isPoint(key: string): boolean {
  const point = Buffer.from(key, 'base64url')
  const part = (from: number) => point.subarray(from, from + 32).toString('base64url')
  try {
    createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: part(1), y: part(33) }, format: 'jwk' })
    return point[0] === 4
  } catch {
    return false
  }
}

/** Returns the origin of the page that sent a request, if a page sent it. */
function originOf(c: Context): string | undefined {
  const origin = c.req.header('origin')
  return origin !== undefined && origin.length <= ORIGIN_CHARS && URL.canParse(origin) ? origin : undefined
}
