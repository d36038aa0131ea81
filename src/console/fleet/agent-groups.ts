import type { FleetAgent } from '../../client/fleet-agent.ts'
import { type Filter, filterIn, GROUPS, type Group, groupOf, inOrder, isWanted } from './groups.ts'

const EVERYTHING = filterIn(new URLSearchParams())

/**
 * The agents that match a filter, by group and in order. A change of one agent takes hardly any time, even among many
 * agents.
 */
export class AgentGroups {
  readonly #all: ReadonlyMap<string, FleetAgent>
  readonly #lists = new Map<Group, FleetAgent[]>(GROUPS.map((group) => [group, []]))
  readonly #counts = new Map<string, number>()
  #filter: Filter = EVERYTHING

  /** @param all all agents, whose changes are reported to `replace` */
  constructor(all: ReadonlyMap<string, FleetAgent>) {
    this.#all = all
  }

  /** Returns the agents of a group that match the filter, in a new array. */
  of(group: Group): FleetAgent[] {
    return this.#lists.get(group)!.slice()
  }

  /** Returns the number of agents of a group that match the filter. */
  size(group: Group): number {
    return this.#lists.get(group)!.length
  }

  /** Returns the number of agents of a machine, whether or not they match the filter. */
  count(machineId: string): number {
    return this.#counts.get(machineId) ?? 0
  }

  /** Sets the words and the machine that agents must have. The groups of the filter do not matter. */
  select(filter: Filter) {
    const { words, machine_id } = this.#filter
    this.#filter = filter
    if (machine_id === filter.machine_id && words.join(' ') === filter.words.join(' ')) return
    for (const list of this.#lists.values()) list.length = 0
    for (const agent of this.#all.values())
      if (isWanted(agent, filter)) this.#lists.get(groupOf(agent))!.push(agent)
    for (const list of this.#lists.values()) list.sort(inOrder)
  }

  /**
   * Replaces the status of an agent.
   * @param before undefined for a new agent
   * @param after undefined for a removed agent
   */
  replace(before: FleetAgent | undefined, after: FleetAgent | undefined) {
    if (before) this.#remove(before)
    if (after) this.#add(after)
  }

  #add(agent: FleetAgent) {
    this.#counts.set(agent.machine_id, this.count(agent.machine_id) + 1)
    if (!isWanted(agent, this.#filter)) return
    const list = this.#lists.get(groupOf(agent))!
    list.splice(placeIn(list, agent), 0, agent)
  }

  #remove(agent: FleetAgent) {
    const left = this.count(agent.machine_id) - 1
    if (left > 0) this.#counts.set(agent.machine_id, left)
    else this.#counts.delete(agent.machine_id)
    if (!isWanted(agent, this.#filter)) return
    const list = this.#lists.get(groupOf(agent))!
    list.splice(placeIn(list, agent), 1)
  }
}

/** Returns the place of an agent in a list in order, or the place at which it belongs. */
function placeIn(list: readonly FleetAgent[], agent: FleetAgent): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (inOrder(list[middle]!, agent) < 0) low = middle + 1
    else high = middle
  }
  return low
}
