import type { AgentRecord, AgentRef } from '../store/records.ts'
import { firstWhere } from './first-where.ts'

/** A machine that has an agent with a given id. */
export interface Owner {
  machine_id: string
  ordered: boolean
}

/**
 * Returns the place of an agent in the order of lists: by machine, then by id. The place stays the same when
 * the hub restarts.
 */
export const placeOf = ({ machine_id, agent_id }: AgentRef) => `${machine_id}\0${agent_id}`

const inCodeUnits = (a: string, b: string) => (a < b ? -1 : 1)

/** All agents in memory: by key, and by machine and id. */
export class AgentIndex {
  readonly #byKey = new Map<string, AgentRecord>()
  readonly #byMachine = new Map<string, Map<string, AgentRecord>>()
  /** The ids of all machines with agents, in order; undefined if machines changed since the last use. */
  #machines: string[] | undefined
  /** The agents of machines in the order of their ids. Agents that come or go drop the entry of their machine. */
  readonly #sorted = new Map<string, AgentRecord[]>()

  add(record: AgentRecord) {
    const { key, machine_id, agent_id } = record
    this.#sorted.delete(machine_id)
    this.#byKey.set(key, record)
    const agents = this.#byMachine.get(machine_id) ?? new Map<string, AgentRecord>()
    if (agents.size === 0) this.#machines = undefined
    this.#byMachine.set(machine_id, agents.set(agent_id, record))
  }

  remove({ key, machine_id, agent_id }: AgentRecord) {
    this.#sorted.delete(machine_id)
    this.#byKey.delete(key)
    const agents = this.#byMachine.get(machine_id)
    agents?.delete(agent_id)
    if (agents?.size !== 0) return
    this.#byMachine.delete(machine_id)
    this.#machines = undefined
  }

  at(key: string): AgentRecord | undefined {
    return this.#byKey.get(key)
  }

  find({ machine_id, agent_id }: AgentRef): AgentRecord | undefined {
    return this.#byMachine.get(machine_id)?.get(agent_id)
  }

  /**
   * Yields all agents, machine by machine, except agents that are removed while the loop runs. The agents of a
   * machine are together because an answer compresses better this way.
   */
  *all(): Iterable<AgentRecord> {
    const all = [...this.#byMachine.values()].flatMap((agents) => [...agents.values()])
    for (const record of all) if (this.#byKey.get(record.key) === record) yield record
  }

  /**
   * Yields the agents with places after `after`, in the order of their places. Sorts only the agents of the
   * machines that the caller reaches.
   */
  *inOrder(after: string): Iterable<AgentRecord> {
    // Ids of old machines may contain any character, but ids of agents contain no NUL.
    const at = after.lastIndexOf('\0')
    const [machineId, agentId] = at === -1 ? [after, ''] : [after.slice(0, at), after.slice(at + 1)]
    this.#machines ??= [...this.#byMachine.keys()].sort(inCodeUnits)
    const machines = this.#machines
    for (let n = firstWhere(machines, (id) => id >= machineId); n < machines.length; n++) {
      const agents = this.#agentsInOrder(machines[n]!)
      const first = machines[n] === machineId ? firstWhere(agents, (each) => each.agent_id > agentId) : 0
      for (let m = first; m < agents.length; m++) yield agents[m]!
    }
  }

  #agentsInOrder(machineId: string): AgentRecord[] {
    const known = this.#sorted.get(machineId)
    if (known) return known
    const agents = this.of(machineId).sort((a, b) => inCodeUnits(a.agent_id, b.agent_id))
    this.#sorted.set(machineId, agents)
    return agents
  }

  of(machineId: string): AgentRecord[] {
    return [...(this.#byMachine.get(machineId)?.values() ?? [])]
  }

  count(machineId: string): number {
    return this.#byMachine.get(machineId)?.size ?? 0
  }

  /** Returns the agents with this id. Each belongs to a different machine. */
  namesakes(agentId: string): AgentRecord[] {
    return [...this.#byMachine.values()].flatMap((agents) => agents.get(agentId) ?? [])
  }
}
