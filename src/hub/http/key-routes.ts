import { type Context, Hono } from 'hono'
import { visible } from '../../platform/visible-text.ts'
import { BindRequest, type HubKey, KeyRequest, type NewKey, USER_ROLES } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { Switchboard } from '../machines/switchboard.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Keys } from '../registry/keys.ts'
import { isUserRole } from '../registry/roles.ts'
import type { Subscriptions } from '../registry/subscriptions.ts'
import type { UserKeys } from '../registry/user-keys.ts'
import type { Trails } from './audit-trails.ts'
import type { OpenRequests } from './open-requests.ts'
import { jsonBody, parse } from './request.ts'

export interface KeyContext {
  /** Machine keys. */
  keys: Keys
  /** User keys. */
  people: UserKeys
  open: OpenRequests
  commands: CommandQueue
  switchboard: Switchboard
  subscriptions: Subscriptions
  trails: Trails
}

/** True for a machine key with which no machine has connected yet. */
export const isUnused = ({ role, local, used }: HubKey) => role === 'machine' && !local && !used

/** Returns the routes below `/api/keys`. */
export function keyRoutes(context: KeyContext): Hono {
  const { keys, people, open, commands, switchboard, subscriptions, trails } = context
  const app = new Hono()
  app.get('/', (c) => c.json({ keys: [...keys.list(), ...people.list()] }))

  app.post('/', async (c) => {
    const { name, role, machine_id } = parse(KeyRequest, await jsonBody(c))
    if (role === 'machine') return created(c, await keys.make(name, machine_id))
    if (!isUserRole(role))
      throw new HttpError(400, 'invalid_command', `Unknown role ${visible(role)}.`, {
        path: 'role',
        remedy: `Use ${USER_ROLES.join(', ')} or machine.`,
      })
    if (people.has(name))
      throw new HttpError(409, 'name_taken', `A user key named ${visible(name)} already exists.`, {
        path: 'name',
        remedy: 'Choose another name, or rotate or revoke the existing key.',
      })
    return created(c, await people.make(name, role))
  })

  app.post('/:key_id/bind', async (c) => {
    const { machine_id } = parse(BindRequest, await jsonBody(c))
    const { key_id, role, name } = named(c)
    if (role !== 'machine')
      throw new HttpError(409, 'key_of_people', `${visible(name)} is a user key, not a machine key.`)
    const bound = (await keys.bind(key_id, machine_id)) ?? missing(key_id)
    await changed(c)
    return c.json({ ...bound.key, revoked_keys: bound.revoked })
  })

  app.post('/:key_id/rotate', async (c) => {
    const { key_id, role, name } = named(c)
    const made = await (role === 'machine' ? keys.rotate(key_id) : people.rotate(key_id))
    if (!made)
      throw new HttpError(409, 'key_shared', `Several machines use the key ${visible(name)}.`, {
        remedy: `Bind it to one machine first: \`fomular-daemon hub key bind ${key_id} MACHINE\`.`,
      })
    await changed(c)
    trails.addFacts(c, { details: { new_key_id: made.key_id } })
    return c.json(made, 201)
  })

  app.delete('/:key_id', async (c) => {
    const { key_id, role, local } = named(c)
    if (local && role !== 'machine')
      throw new HttpError(
        409,
        'key_local',
        "The hub's own user key cannot be revoked, because it is the only key that is always available.",
        {
          remedy: `Replace it: \`fomular-daemon hub key rotate ${key_id}\`.`,
        },
      )
    await (role === 'machine' ? keys : people).remove(key_id)
    await changed(c)
    return c.json({ revoked_keys: 1 })
  })

  return app

  function created(c: Context, made: NewKey) {
    trails.addFacts(c, { target: made.key_id })
    return c.json(made, 201)
  }

  function named(c: Context): HubKey {
    const id = c.req.param('key_id') ?? ''
    // Look up user keys first. An enrolling machine chooses the hash of its key, and must not be mistaken for
    // a user.
    const key = people.get(id) ?? keys.get(id)
    return key ?? missing(id)
  }

  /** Ends connections, commands, requests, and subscriptions of keys that are no longer accepted. */
  async function changed(c: Context): Promise<void> {
    await switchboard.recheck()
    commands.withdraw()
    await open.recheck(c)
    await subscriptions.recheck()
  }
}

function missing(id: string): never {
  throw new HttpError(404, 'key_not_found', `Key ${visible(id)} not found.`)
}
