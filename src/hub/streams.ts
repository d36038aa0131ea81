import { type EventId, formatEventId } from './activity-line.ts'
import type { ActivityStore } from './activity-store.ts'
import type { Agents } from './agents.ts'
import type { Feed } from './feed.ts'
import type { Machines } from './machines.ts'
import { Bell, eventStream, message } from './sse.ts'

/** Statuses shown in one write. */
const STATUSES_PER_WRITE = 100

export interface StreamContext {
  agents: Agents
  machines: Machines
  store: ActivityStore
  feed: Feed
}

/** An agent's activity behind `after`, and, whenever that is all there is, its status if that has changed. */
export async function agentStream(
  { agents, store, feed }: StreamContext,
  agentId: string,
  after: EventId,
): Promise<Response> {
  const bell = new Bell()
  const log = store.log(agentId)
  let at = await log.seek(after)
  let changed = true
  let over = agents.get(agentId) === undefined
  const release = feed.subscribe((change) => {
    if (change.kind === 'closed') over = true
    else if (!('agent_id' in change) || change.agent_id !== agentId) return
    if (change.kind === 'agent_removed') over = true
    if (change.kind === 'agent') changed = true
    bell.ring()
  })
  return eventStream({
    bell,
    release,
    async next() {
      if (over) return undefined
      while (at < log.size) {
        const chunk = await log.read(at, after)
        if (chunk.next === at) break
        at = chunk.next
        if (chunk.events.length > 0)
          return chunk.events.map((event) => message('activity', event, formatEventId(event))).join('')
      }
      const agent = changed && agents.get(agentId)
      changed = false
      return agent ? message('status', agent) : ''
    },
  })
}

/** Machines and agents: each as it is, then as it changes. */
export function hubStream({ agents, machines, feed }: StreamContext): Response {
  const bell = new Bell()
  // What is to be shown, each once however often it changes: no longer than the list of what there is.
  const due = {
    machine: new Set(machines.all().map(({ machine_id }) => machine_id)),
    agent: new Set(agents.all().map(({ agent_id }) => agent_id)),
    agent_removed: new Set<string>(),
  }
  let over = false
  const release = feed.subscribe((change) => {
    if (change.kind === 'activity') return
    if (change.kind === 'closed') {
      over = true
      return bell.ring()
    }
    if (change.kind === 'agent_removed') due.agent.delete(change.agent_id)
    due[change.kind].add(change.kind === 'machine' ? change.machine_id : change.agent_id)
    bell.ring()
  })
  const views = {
    machine: (id: string) => machines.get(id),
    agent_removed: (agent_id: string) => ({ agent_id }),
    agent: (id: string) => agents.get(id),
  }
  return eventStream({
    bell,
    release,
    next() {
      if (over) return Promise.resolve(undefined)
      let text = ''
      let count = 0
      for (const kind of ['machine', 'agent_removed', 'agent'] as const)
        for (const id of due[kind]) {
          if (count++ === STATUSES_PER_WRITE) return Promise.resolve(text)
          due[kind].delete(id)
          const view = views[kind](id)
          if (view) text += message(kind, view)
        }
      return Promise.resolve(text)
    },
  })
}
