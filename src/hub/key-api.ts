import type { Hono } from 'hono'
import { visible } from '../platform/visible.ts'
import { BindRequest, type HubKey } from '../protocol/index.ts'
import { Fault } from './fault.ts'
import type { Keys } from './keys.ts'
import { jsonBody, parse } from './request.ts'
import type { Switchboard } from './switchboard.ts'

/** A key that was given out, and with which no machine has connected. */
export const isUnused = ({ role, local, used }: HubKey) => role === 'machine' && !local && !used

/** Requests about keys. */
export function keyRoutes(app: Hono, { keys, switchboard }: { keys: Keys; switchboard: Switchboard }) {
  app.get('/api/keys', (c) => c.json({ keys: keys.list() }))
  app.post('/api/keys/:key_id/bind', async (c) => {
    const { machine_id } = parse(BindRequest, await jsonBody(c))
    const bound = keys.bind(machineKey(c.req.param('key_id')).key_id, machine_id)!
    switchboard.recheck()
    return c.json({ ...bound.key, revoked_keys: bound.revoked })
  })
  app.delete('/api/keys/:key_id', (c) => {
    keys.remove(machineKey(c.req.param('key_id')).key_id)
    switchboard.recheck()
    return c.json({ revoked_keys: 1 })
  })

  function machineKey(id: string): HubKey {
    const key = keys.get(id)
    if (!key) throw new Fault(404, 'key_not_found', `There is no key ${visible(id)}.`)
    if (key.role === 'machine') return key
    throw new Fault(409, 'key_of_people', `${visible(key.name)} is a key of people, not of machines.`)
  }
}
