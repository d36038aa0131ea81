import type { FleetAgent } from '../../client/fleet-agent.ts'
import { standstillOf } from '../../protocol/needs.ts'

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
  const standstill = standstillOf(agent)
  if (standstill) return standstill === 'asking' ? 'waiting' : standstill
  if (agent.queued) return 'queued'
  if (agent.state === 'idle') return agent.background_tasks?.length ? 'working' : 'idle'
  return agent.state === 'waiting' ? 'waiting' : 'working'
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

/** Texts in which words are searched, and times of the latest changes, computed once for each status of an agent. */
const texts = new WeakMap<FleetAgent, string>()
const times = new WeakMap<FleetAgent, number>()

function textOf(agent: FleetAgent): string {
  const known = texts.get(agent)
  if (known !== undefined) return known
  const { agent_id, title, cwd, machine_name, machine_id, model, state } = agent
  const text = [agent_id, title, cwd, machine_name, machine_id, model, state].join('\n').toLowerCase()
  texts.set(agent, text)
  return text
}

function timeOf(agent: FleetAgent): number {
  const known = times.get(agent)
  if (known !== undefined) return known
  const time = Date.parse(agent.since) || 0
  times.set(agent, time)
  return time
}

const hasAll = (text: string, words: string[]) => words.every((word) => text.includes(word))

/** Reports whether an agent matches a filter, except for its group. */
export function isWanted(agent: FleetAgent, { machine_id, words }: Filter): boolean {
  if (machine_id !== undefined && agent.machine_id !== machine_id) return false
  return words.length === 0 || hasAll(textOf(agent), words)
}

/** Compares two agents of a group: the latest change comes first. */
export function inOrder(one: FleetAgent, other: FleetAgent): number {
  const difference = timeOf(other) - timeOf(one)
  if (difference !== 0) return difference
  if (one.agent_id !== other.agent_id) return one.agent_id < other.agent_id ? -1 : 1
  return one.machine_id < other.machine_id ? -1 : one.machine_id > other.machine_id ? 1 : 0
}
