import type { FleetAgent } from '../../client/follow-fleet.ts'

/** Groups of agents, in the order in which a person needs them. */
export const GROUPS = ['waiting', 'failed', 'limited', 'queued', 'working', 'idle', 'ended'] as const
export type Group = (typeof GROUPS)[number]

/** Titles of the groups. */
export const GROUP_TITLES: Readonly<Record<Group, string>> = {
  waiting: 'Waiting for a person',
  failed: 'Failed',
  limited: 'At a usage limit',
  queued: 'Queued',
  working: 'Working',
  idle: 'Idle',
  ended: 'Ended',
}

/** Returns the group of an agent: what a person must do about it, not only what its process does. */
export function groupOf(agent: FleetAgent): Group {
  if (agent.gone) return 'ended'
  if (agent.pending.length > 0 || agent.pending_omitted) return 'waiting'
  if (agent.limited) return 'limited'
  if (agent.state === 'failed' || agent.turn_failed || agent.restart_held_until) return 'failed'
  if (agent.queued) return 'queued'
  switch (agent.state) {
    case 'exited':
      return 'ended'
    case 'idle':
      return agent.background_tasks?.length ? 'working' : 'idle'
    case 'waiting':
      return 'waiting'
    default:
      return 'working'
  }
}

/** Selection of agents on the fleet page. */
export interface Filter {
  /** Words that must all occur in the agent's id, title, folder, machine, model, or state. */
  words: string[]
  /** Groups to show; all if it is empty. */
  groups: ReadonlySet<Group>
  machine_id: string | undefined
}

/** Reads a filter from the address: `?q=WORDS&show=GROUP,GROUP&machine=ID`. */
export function filterIn(query: URLSearchParams): Filter {
  const shown = (query.get('show') ?? '').split(',')
  return {
    words: (query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean),
    groups: new Set(GROUPS.filter((group) => shown.includes(group))),
    machine_id: query.get('machine') ?? undefined,
  }
}

/** Facts about an agent for its place on the fleet page, computed once for each of its statuses. */
interface Facts {
  group: Group
  text: string
  since: number
}

const known = new WeakMap<FleetAgent, Facts>()

function factsOf(agent: FleetAgent): Facts {
  const found = known.get(agent)
  if (found) return found
  const { agent_id, title, cwd, machine_name, machine_id, model, state } = agent
  const facts = {
    group: groupOf(agent),
    text: [agent_id, title, cwd, machine_name, machine_id, model, state].join('\n').toLowerCase(),
    since: Date.parse(agent.since) || 0,
  }
  known.set(agent, facts)
  return facts
}

/** Returns the agents that match a filter, by group; in each group, the latest change comes first. */
export function grouped(agents: Iterable<FleetAgent>, filter: Filter): Map<Group, FleetAgent[]> {
  const found = new Map<Group, FleetAgent[]>(GROUPS.map((group) => [group, []]))
  for (const agent of agents) {
    const { group, text } = factsOf(agent)
    if (filter.groups.size > 0 && !filter.groups.has(group)) continue
    if (filter.machine_id !== undefined && agent.machine_id !== filter.machine_id) continue
    if (filter.words.every((word) => text.includes(word))) found.get(group)!.push(agent)
  }
  for (const list of found.values())
    list.sort(
      (one, other) => factsOf(other).since - factsOf(one).since || (one.agent_id < other.agent_id ? -1 : 1),
    )
  return found
}
