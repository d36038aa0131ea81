import { Hono } from 'hono'
import * as z from 'zod/mini'
import { BlockRequest, ExactVersion, RolloutRequest } from '../../protocol/index.ts'
import type { Rollouts } from '../rollouts/rollouts.ts'
import type { Trails } from './audit-trails.ts'
import { callerOf } from './caller.ts'
import { jsonBody, parse } from './request.ts'

export interface RolloutContext {
  rollouts: Rollouts
  trails: Trails
}

const ORDERS = {
  pause: 'pause',
  resume: 'resume',
  'roll-back': 'roll_back',
  cancel: 'cancel',
} as const

/** Returns the routes below `/api/rollouts`. */
export function rolloutRoutes({ rollouts, trails }: RolloutContext): Hono {
  const app = new Hono()
  app.get('/', (c) => c.json({ rollouts: rollouts.list() }))
  app.post('/', async (c) => {
    const made = await rollouts.begin(parse(RolloutRequest, await jsonBody(c)), callerOf(c)?.name)
    trails.addFacts(c, { target: made.rollout_id })
    return c.json(made, 201)
  })
  app.get('/:rollout_id', (c) => c.json(rollouts.get(c.req.param('rollout_id'))))
  for (const [name, event] of Object.entries(ORDERS))
    app.post(`/:rollout_id/${name}`, async (c) =>
      c.json(await rollouts.order(c.req.param('rollout_id'), event, callerOf(c)?.name)),
    )
  return app
}

/** Returns the routes below `/api/blocked-versions`. */
export function blockedRoutes({ rollouts }: Pick<RolloutContext, 'rollouts'>): Hono {
  const app = new Hono()
  app.get('/', (c) => c.json({ versions: rollouts.blocked.list() }))
  app.post('/:version', async (c) => {
    const { version } = parse(VersionInPath, { version: c.req.param('version') })
    const { reason } = parse(BlockRequest, await jsonBody(c))
    return c.json(await rollouts.block(version, callerOf(c)?.name, reason))
  })
  app.delete('/:version', async (c) => {
    await rollouts.blocked.unblock(c.req.param('version'))
    return c.json({})
  })
  return app
}

const VersionInPath = z.object({ version: ExactVersion })
