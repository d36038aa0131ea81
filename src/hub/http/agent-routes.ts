import { type Context, Hono } from 'hono'
import { MoveRequest } from '../../protocol/index.ts'
import type { Gate } from '../gate/gate.ts'
import { HttpError } from '../http-error.ts'
import type { Switchboard } from '../machines/switchboard.ts'
import type { Journals } from '../store/journals.ts'
import type { AgentRef } from '../store/records.ts'
import type { AgentStreams } from '../streams/agent-streams.ts'
import { earlierEventPage, eventPage } from './event-page.ts'
import { agentList, type ListContext } from './lists.ts'
import { described, type Lookup, noAgent } from './lookup.ts'
import { longJson } from './readable-json.ts'
import { earlierThan, eventIdOf, follow, jsonBody, pageLimit, parse } from './request.ts'
import { agentExists } from './start-rules.ts'

export interface AgentContext extends ListContext {
  journals: Journals
  streams: AgentStreams
  gate: Gate
  switchboard: Switchboard
  lookup: Lookup
}

/** Returns the routes below `/api/agents`, except commands. */
export function agentRoutes(context: AgentContext): Hono {
  const { agents, machines, journals, streams, gate, quotas, switchboard, lookup } = context
  const app = new Hono()

  app.get('/', (c) => agentList(c, context))
  app.get('/:agent_id', (c) => c.json(viewOf(refOf(c))))
  app.get('/:agent_id/events', async (c) => {
    const [key, before, after, limit] = [keyOf(c), earlierThan(c), eventIdOf(c), pageLimit(c)]
    if (before)
      return longJson(c, {
        ...(await earlierEventPage(journals.readBackward(key, before), before, limit)),
      })
    return longJson(c, { ...(await eventPage(journals.read(key, after), after, limit)) })
  })
  app.get('/:agent_id/stream', (c) => {
    const [key, after] = [keyOf(c), eventIdOf(c)]
    return streams.follow({ key, after, follower: follow(c, gate) })
  })
  app.post('/:agent_id/move', async (c) => {
    const ref = refOf(c)
    const { gone } = viewOf(ref)
    const { machine_id: to } = lookup.machine(parse(MoveRequest, await jsonBody(c)).machine_id)
    if (to === ref.machine_id) return c.json(viewOf(ref))
    const from = machines.get(ref.machine_id)
    if (from?.connected && !gone && c.req.query('force') !== 'true')
      throw new HttpError(409, 'machine_connected', `${described(from)} is connected and has the agent.`, {
        remedy:
          'Stop the daemon of that machine first. Or use force; the agent on that machine then counts as a different agent.',
      })
    if (lookup.ordered(ref.agent_id).includes(to)) throw agentExists(ref.agent_id)
    const moved = agents.move(ref, to)
    quotas.onChange()
    // Do this at once: the offsets in the last welcome are not for this history.
    switchboard.renew(to)
    await moved
    return c.json(viewOf({ ...ref, machine_id: to }))
  })
  return app

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
}
