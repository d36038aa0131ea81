import { randomUUID } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { type Command, type Outcome, Commands as Schemas, StartRequest } from '../../protocol/index.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Quotas } from '../registry/quotas.ts'
import type { Trails } from './audit-trails.ts'
import type { Lookup } from './lookup.ts'
import type { Orders } from './orders.ts'
import { command, parse } from './request.ts'
import { agentExists, refuseStart } from './start-rules.ts'

export interface AgentCommandContext {
  agents: AgentRegistry
  commands: CommandQueue
  quotas: Quotas
  trails: Trails
  lookup: Lookup
  orders: Orders
}

const AGENT_COMMANDS = [
  'prompt',
  'interrupt',
  'withdraw',
  'permission',
  'answer',
  'configure',
  'stop',
  'resume',
  'merge',
  'discard',
  'remove',
] as const

/** Returns the routes below `/api/agents` that give commands to agents. */
export function agentCommands(context: AgentCommandContext): Hono {
  const { commands, lookup, orders } = context
  const app = new Hono()

  app.post('/', async (c) => {
    const request = parse(StartRequest, await command(c))
    const { command_id = randomUUID(), spec, signed } = request
    // A repeated request may lack the agent id, which was generated for the first request.
    const known = commands.get(command_id)
    const agent_id = request.agent_id ?? known?.agent_id ?? `a-${randomUUID().slice(0, 8)}`
    if (!known && request.machine_id === undefined && lookup.ordered(agent_id).length > 0)
      throw agentExists(agent_id)
    const { machine_id } = lookup.machine(request.machine_id ?? known?.machine_id ?? lookup.onlyMachine())
    const order = { type: 'agent:start', agent_id, command_id, spec, signed } as const
    return orders.submit(c, machine_id, order, () => refuseStart({ machine_id, agent_id }, context))
  })

  for (const name of AGENT_COMMANDS)
    app.post(`/:agent_id/${name}`, async (c) => {
      const type = `agent:${name}` as const
      const agent_id = c.req.param('agent_id') ?? ''
      const parsed = parse(Schemas[type], { ...(await command(c)), type, agent_id })
      const known = commands.get(parsed.command_id)
      const machine_id = known?.agent_id === agent_id ? known.machine_id : lookup.machineOf(c, agent_id)
      const removed = parsed.type === 'agent:remove' && (await removeGone(c, machine_id, parsed, context))
      return removed || orders.submit(c, machine_id, parsed)
    })
  return app
}

/** Removes an agent that its machine no longer has. @returns undefined if the machine has the agent */
async function removeGone(
  c: Context,
  machine_id: string,
  parsed: Extract<Command, { type: 'agent:remove' }>,
  { agents, trails }: AgentCommandContext,
): Promise<Response | undefined> {
  const { command_id, agent_id } = parsed
  const isGone = () => agents.get({ machine_id, agent_id })?.gone === true
  if (!isGone()) return undefined
  await trails.onOrder(c, machine_id, parsed)
  await trails.confirm(c)
  // The machine may have reconnected with the agent in the meantime.
  if (!isGone()) return undefined
  await agents.forget({ machine_id, agent_id })
  return c.json({ command_id, agent_id, machine_id, state: 'succeeded', result: {} } satisfies Outcome)
}
