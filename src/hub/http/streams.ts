import type { Clock } from '../../platform/clock.ts'
import type { AnyEvent } from '../../protocol/index.ts'
import type { Follower } from '../gate/followers.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { ChangeFeed } from '../registry/change-feed.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import { type EventId, formatEventId } from '../store/event-id.ts'
import type { Journals } from '../store/journals.ts'
import type { AgentRef } from '../store/records.ts'
import { eventStream, KEEP_ALIVE, message, WakeUp } from './sse.ts'

/**
 * Limits on one write: the maximum number of statuses, and the number of characters after which no further
 * status is added.
 */
const STATUSES_PER_WRITE = 100
const WRITE_CHARS = 256 * 1024
/**
 * Maximum number of changed agents to note for one client, and maximum number of removed agents to note.
 * After more changes, the client gets all agents again. After more removals, the stream ends and the client
 * reconnects.
 */
const DUE = 1000

export interface StreamContext {
  agents: AgentRegistry
  machines: MachineRegistry
  journals: Journals
  feed: ChangeFeed
  clock: Clock
}

export interface AgentStreamOptions {
  /** The agent's key. */
  key: string
  after: EventId
  follower: Follower
}

/** Streams an agent's activity after `after`, and each changed status once the client has all activity. */
export function agentStream(
  { agents, journals, feed, clock }: StreamContext,
  { key, after, follower }: AgentStreamOptions,
): Response {
  const bell = new WakeUp(clock)
  const reader = journals.read(key, after)
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
      if (reader.hasMore()) {
        const { events, isEnd } = await reader.next()
        if (events.length > 0) return messagesOf(events)
        // Yield to other streams during long ranges without events.
        if (!isEnd) return [KEEP_ALIVE]
      }
      const agent = changed && agents.viewAt(key)
      changed = false
      return agent ? [message('status', agent)] : []
    },
  })
}

function* messagesOf(events: AnyEvent[]) {
  for (const event of events) yield message('activity', event, formatEventId(event))
}

/** Streams all machines and agents: first their current state, then each change. */
export function hubStream({ agents, machines, feed, clock }: StreamContext, follower: Follower): Response {
  const bell = new WakeUp(clock)
  /** Changes to send; repeated changes of one machine or agent count once. */
  const due = {
    machine: new Set(machines.all().map(({ machine_id }) => machine_id)),
    agent_removed: new Map<string, AgentRef>(),
    agent: new Set<string>(),
  }
  /** Iterates over all agents. A list of all agents for each slow client could take too much memory. */
  let all = agents.keys()[Symbol.iterator]()
  let again = false
  let over = false
  const release = feed.subscribe((change) => {
    if (change.kind === 'activity') return
    if (change.kind === 'closed') over = true
    else if (change.kind === 'machine') due.machine.add(change.machine_id)
    else if (change.kind === 'agent') {
      if (due.agent.size < DUE) due.agent.add(change.key)
      else again = true
    } else {
      due.agent.delete(change.key)
      // Skip agents that were never shown: a machine can create and remove any number of them.
      if (!change.shown) return
      if (due.agent_removed.size < DUE) due.agent_removed.set(change.key, change)
      else over = true
    }
    bell.ring()
  })
  const views = {
    machine: (id: string) => machines.get(id),
    agent_removed(key: string) {
      const { agent_id, machine_id } = due.agent_removed.get(key)!
      return { agent_id, machine_id }
    },
    agent: (key: string) => agents.viewAt(key),
  }
  function* dueNow() {
    for (const kind of ['machine', 'agent_removed', 'agent'] as const)
      for (const id of due[kind].keys()) {
        const view = views[kind](id)
        due[kind].delete(id)
        yield { kind, view }
      }
    for (;;) {
      const { value, done } = all.next()
      if (!done) yield { kind: 'agent', view: agents.viewAt(value) }
      else if (!again) return
      else {
        again = false
        all = agents.keys()[Symbol.iterator]()
      }
    }
  }
  return eventStream({
    bell,
    follower,
    release,
    next() {
      if (over) return Promise.resolve(undefined)
      const messages: string[] = []
      let chars = 0
      for (const { kind, view } of dueNow()) {
        if (!view) continue
        const text = message(kind, view)
        chars += text.length
        if (messages.push(text) === STATUSES_PER_WRITE || chars > WRITE_CHARS) break
      }
      return Promise.resolve(messages)
    },
  })
}
