import { type EventId, formatEventId } from './activity-line.ts'
import type { ActivityStore } from './activity-store.ts'
import type { AgentRef, Agents } from './agents.ts'
import type { Feed } from './feed.ts'
import type { Follower } from './gate/followers.ts'
import type { Machines } from './machines.ts'
import { Bell, eventStream, message } from './sse.ts'

/** Statuses shown in one write, and characters after which no further one is. */
const STATUSES_PER_WRITE = 100
const WRITE_CHARS = 256 * 1024

export interface StreamContext {
  agents: Agents
  machines: Machines
  store: ActivityStore
  feed: Feed
}

export interface AgentStreamOptions {
  /** The name of the agent's folder. */
  key: string
  after: EventId
  /** @throws Fault where there are too many */
  follow(): Follower
}

/** An agent's activity behind `after`, and, whenever that is all there is, its status if that has changed. */
export async function agentStream(
  { agents, store, feed }: StreamContext,
  { key, after, follow }: AgentStreamOptions,
): Promise<Response> {
  const bell = new Bell()
  const log = store.log(key)
  let at = await log.seek(after)
  const follower = follow()
  let changed = true
  let over = agents.viewAt(key) === undefined
  const release = feed.subscribe((change) => {
    if (change.kind === 'closed') over = true
    else if (!('key' in change) || change.key !== key) return
    if (change.kind === 'agent_removed') over = true
    if (change.kind === 'agent') changed = true
    bell.ring()
  })
  return eventStream({
    bell,
    follower,
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
      const agent = changed && agents.viewAt(key)
      changed = false
      return agent ? message('status', agent) : ''
    },
  })
}

/** Machines and agents: each as it is, then as it changes. */
export function hubStream({ agents, machines, feed }: StreamContext, follower: Follower): Response {
  const bell = new Bell()
  // What is to be shown, each once however often it changes: no longer than the list of what there is.
  const due = {
    machine: new Set(machines.all().map(({ machine_id }) => machine_id)),
    agent_removed: new Map<string, AgentRef>(),
    agent: new Set(agents.keys()),
  }
  let over = false
  const release = feed.subscribe((change) => {
    if (change.kind === 'activity') return
    if (change.kind === 'closed') {
      over = true
      return bell.ring()
    }
    if (change.kind === 'machine') due.machine.add(change.machine_id)
    else if (change.kind === 'agent') due.agent.add(change.key)
    else {
      const { key, machine_id, agent_id } = change
      due.agent.delete(key)
      due.agent_removed.set(key, { agent_id, machine_id })
    }
    bell.ring()
  })
  const views = {
    machine: (id: string) => machines.get(id),
    agent_removed: (key: string) => due.agent_removed.get(key),
    agent: (key: string) => agents.viewAt(key),
  }
  return eventStream({
    bell,
    follower,
    release,
    next() {
      if (over) return Promise.resolve(undefined)
      let text = ''
      let count = 0
      for (const kind of ['machine', 'agent_removed', 'agent'] as const)
        for (const id of due[kind].keys()) {
          if (count++ === STATUSES_PER_WRITE || text.length > WRITE_CHARS) return Promise.resolve(text)
          const view = views[kind](id)
          due[kind].delete(id)
          if (view) text += message(kind, view)
        }
      return Promise.resolve(text)
    },
  })
}
