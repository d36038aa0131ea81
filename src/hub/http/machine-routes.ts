import { type Context, Hono } from 'hono'
import { type HubMachine, PlaceRequest, RenameRequest, Commands as Schemas } from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import { HttpError } from '../http-error.ts'
import type { Switchboard } from '../machines/switchboard.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Rollouts } from '../rollouts/rollouts.ts'
import { type ListContext, machineList } from './lists.ts'
import { described, type Lookup } from './lookup.ts'
import type { Orders } from './orders.ts'
import { command, jsonBody, parse } from './request.ts'

export interface MachineContext extends ListContext {
  rollouts: Rollouts
  commands: CommandQueue
  switchboard: Switchboard
  lookup: Lookup
  orders: Orders
}

const MACHINE_COMMANDS = {
  check: 'machine:check',
  restart: 'daemon:restart',
  update: 'daemon:update',
} as const

/** Returns the routes below `/api/machines`. */
export function machineRoutes(context: MachineContext): Hono {
  const { machines, agents, rollouts, lookup, orders } = context
  const app = new Hono()

  app.get('/', (c) => machineList(c, context))
  app.patch('/:machine_id', async (c) => {
    const { machine_id } = lookup.machine(machineIn(c))
    const { name } = parse(RenameRequest, await jsonBody(c))
    const other = machines.all().find((each) => each.machine_id !== machine_id && goesBy(each, name))
    if (other)
      throw new HttpError(409, 'name_taken', `${described(other)} already has that name or id.`, {
        path: 'name',
        remedy: 'Choose another name, or rename or remove that machine.',
      })
    await machines.rename(machine_id, name)
    agents.publishAll(machine_id)
    return c.json(lookup.machine(machine_id))
  })
  app.post('/:machine_id/place', async (c) => {
    const { machine_id } = lookup.machine(machineIn(c))
    await machines.place(machine_id, parse(PlaceRequest, await jsonBody(c)))
    return c.json(lookup.machine(machine_id))
  })
  app.delete('/:machine_id', (c) => remove(c, context))
  for (const [name, type] of Object.entries(MACHINE_COMMANDS))
    app.post(`/:machine_id/${name}`, async (c) => {
      const { machine_id } = lookup.machine(machineIn(c))
      const order = parse(Schemas[type], { ...(await command(c)), type })
      const allowed = () => 'version' in order && rollouts.blocked.refuse(order.version)
      return orders.submit(c, machine_id, order, allowed)
    })
  return app
}

/** Removes a machine with its keys, commands, and agents. @throws HttpError if it is connected */
async function remove(c: Context, context: MachineContext): Promise<Response> {
  const { keys, machines, agents, commands, switchboard, lookup } = context
  const id = machineIn(c)
  // The machine was enrolled but has never connected.
  if (!machines.get(id) && keys.knows(id)) {
    const { revoked } = await keys.revoke(id, machines.ids())
    return c.json({ revoked_keys: revoked })
  }
  const machine = lookup.machine(id)
  const { machine_id, connected } = machine
  if (connected && c.req.query('force') !== 'true')
    throw new HttpError(409, 'machine_connected', `${described(machine)} is connected.`, {
      remedy:
        'Stop its daemon first. Or use force; the agents of the machine keep running, but the hub no longer sees them.',
    })
  const { revoked, shared } = await keys.revoke(machine_id, machines.ids())
  switchboard.dismiss(machine_id)
  commands.abandon(machine_id)
  await Promise.all([agents.forgetAll(machine_id), machines.forget(machine_id)])
  return c.json({ revoked_keys: revoked, shared_keys: shared })
}

const goesBy = ({ machine_id, name }: HubMachine, wanted: string) => machine_id === wanted || name === wanted

/** Returns the machine id in the path. */
const machineIn = (c: Context) => idFromAddress(c.req.param('machine_id') ?? '')
