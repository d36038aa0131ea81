import { randomUUID } from 'node:crypto'
import type { Context, Hono } from 'hono'
import {
  type Command,
  MoveRequest,
  type Outcome,
  Commands as Schemas,
  StartRequest,
} from '../../protocol/index.ts'
import type { Follower } from '../gate/followers.ts'
import { HttpError } from '../http-error.ts'
import type { Switchboard } from '../machines/switchboard.ts'
import { described, type Lookup, type LookupContext, noAgent } from './lookup.ts'
import type { Quotas } from '../registry/quotas.ts'
import type { AgentRef } from '../store/records.ts'
import type { Trails } from './audit-trails.ts'
import { eventPage } from './event-page.ts'
import { longJson } from './readable-json.ts'
import { command, eventIdOf, jsonBody, pageLimit, parse } from './request.ts'
import { agentStream, type StreamContext } from './streams.ts'

export interface AgentContext extends StreamContext, LookupContext {
  quotas: Quotas
  switchboard: Switchboard
  lookup: Lookup
  trails: Trails
  /** Begins a stream. @throws HttpError */
  follow(c: Context): Follower
  /**
   * Submits a command to a machine.
   * @param allowed throws a Fault if the command is not allowed now
   * @returns the answer to the request
   */
  submit(c: Context, machineId: string, parsed: Command, allowed?: () => void): Promise<Response>
}

const AGENT_COMMANDS = [
  'prompt',
  'interrupt',
  'permission',
  'answer',
  'configure',
  'stop',
  'resume',
  'remove',
] as const

/** Adds the routes for agents. */
export function agentRoutes(app: Hono, context: AgentContext) {
  const { agents, machines, commands, journals, quotas, switchboard, lookup, trails, submit, follow } =
    context

  app.get('/api/agents', (c) => longJson(c, { agents: agents.listed() }))
  app.post('/api/agents', async (c) => {
    const request = parse(StartRequest, await command(c))
    const { command_id = randomUUID(), spec } = request
    // A repeated request may lack the agent id that was generated the first time.
    const known = commands.get(command_id)
    const agent_id = request.agent_id ?? known?.agent_id ?? `a-${randomUUID().slice(0, 8)}`
    if (!known && request.machine_id === undefined && lookup.ordered(agent_id).length > 0)
      throw exists(agent_id)
    const { machine_id } = lookup.machine(request.machine_id ?? known?.machine_id ?? lookup.onlyMachine())
    return submit(c, machine_id, { type: 'agent:start', agent_id, command_id, spec }, () =>
      refuseStart({ machine_id, agent_id }),
    )
  })

  app.get('/api/agents/:agent_id', (c) => c.json(viewOf(refOf(c))))
  for (const name of AGENT_COMMANDS)
    app.post(`/api/agents/:agent_id/${name}`, async (c) => {
      const type = `agent:${name}` as const
      const agent_id = c.req.param('agent_id')
      const parsed = parse(Schemas[type], { ...(await command(c)), type, agent_id })
      const { command_id } = parsed
      const known = commands.get(command_id)
      const machine_id = known?.agent_id === agent_id ? known.machine_id : lookup.machineOf(c, agent_id)
      const isGone = () => agents.get({ machine_id, agent_id })?.gone === true
      if (name === 'remove' && isGone()) {
        await trails.onOrder(c, machine_id, parsed)
        await trails.confirm(c)
        // The machine may have reconnected with the agent in the meantime.
        if (isGone()) {
          await agents.forget({ machine_id, agent_id })
          return c.json({
            command_id,
            agent_id,
            machine_id,
            state: 'succeeded',
            result: {},
          } satisfies Outcome)
        }
      }
      return submit(c, machine_id, parsed)
    })

  app.post('/api/agents/:agent_id/move', async (c) => {
    const ref = refOf(c)
    const { gone } = viewOf(ref)
    const { machine_id: to } = lookup.machine(parse(MoveRequest, await jsonBody(c)).machine_id)
    if (to === ref.machine_id) return c.json(viewOf(ref))
    const from = machines.get(ref.machine_id)
    if (from?.connected && !gone && c.req.query('force') !== 'true')
      throw new HttpError(409, 'machine_connected', `${described(from)} is connected and has the agent.`, {
        remedy:
          'Stop its daemon first. Or use force: the agent on that machine then counts as a different agent.',
      })
    if (lookup.ordered(ref.agent_id).includes(to)) throw exists(ref.agent_id)
    await agents.move(ref, to)
    quotas.onChange()
    switchboard.renew(to)
    return c.json(viewOf({ ...ref, machine_id: to }))
  })

  app.get('/api/agents/:agent_id/events', async (c) => {
    const [key, after, limit] = [keyOf(c), eventIdOf(c), pageLimit(c)]
    return longJson(c, { ...(await eventPage(journals.read(key, after), after, limit)) })
  })
  app.get('/api/agents/:agent_id/stream', (c) => {
    const [key, after] = [keyOf(c), eventIdOf(c)]
    return agentStream(context, { key, after, follow: () => follow(c) })
  })

  function refOf(c: Context): AgentRef {
    const agent_id = c.req.param('agent_id') ?? ''
    return { agent_id, machine_id: lookup.machineOf(c, agent_id) }
  }

  function viewOf(ref: AgentRef) {
    const agent = agents.get(ref)
    if (!agent) throw noAgent(ref.agent_id)
    return agent
  }

  function keyOf(c: Context): string {
    const ref = refOf(c)
    viewOf(ref)
    return agents.keyOf(ref)!
  }

  /** @throws HttpError if the machine already has the agent or is at its limit */
  function refuseStart(ref: AgentRef) {
    const { machine_id, agent_id } = ref
    if (agents.get(ref) || commands.startingOn(agent_id).includes(machine_id)) throw exists(agent_id)
    const full = agents.isFull(machine_id)
      ? 'agents'
      : quotas.historyBytes(machine_id) >= quotas.limit('history_bytes')
        ? 'history_bytes'
        : undefined
    if (!full) return
    throw new HttpError(
      429,
      `machine_${full}`,
      `This machine has reached its limit on the hub: ${quotas.limit(full)} (${full}).`,
      {
        path: 'machine_id',
        remedy: 'Remove agents that it no longer needs, or start the hub with a higher limit.',
      },
    )
  }
}

const exists = (agentId: string) =>
  new HttpError(409, 'agent_exists', `Agent ${agentId} already exists.`, { path: 'agent_id' })
