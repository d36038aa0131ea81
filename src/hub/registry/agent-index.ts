import type { AgentRecord, AgentRef } from '../store/records.ts'

/** A machine that has an agent with a given id. */
export interface Owner {
  machine_id: string
  ordered: boolean
}

/** All agents in memory: by key, and by machine and id. */
export class AgentIndex {
  readonly #byKey = new Map<string, AgentRecord>()
  readonly #byMachine = new Map<string, Map<string, AgentRecord>>()

  add(record: AgentRecord) {
    const { key, machine_id, agent_id } = record
    this.#byKey.set(key, record)
    const agents = this.#byMachine.get(machine_id) ?? new Map<string, AgentRecord>()
    this.#byMachine.set(machine_id, agents.set(agent_id, record))
  }

  remove({ key, machine_id, agent_id }: AgentRecord) {
    this.#byKey.delete(key)
    const agents = this.#byMachine.get(machine_id)
    agents?.delete(agent_id)
    if (agents?.size === 0) this.#byMachine.delete(machine_id)
  }

  at(key: string): AgentRecord | undefined {
    return this.#byKey.get(key)
  }

  find({ machine_id, agent_id }: AgentRef): AgentRecord | undefined {
    return this.#byMachine.get(machine_id)?.get(agent_id)
  }

  keys(): Iterable<string> {
    return this.#byKey.keys()
  }

  /** Yields all agents, except agents that are removed while the loop runs. */
  *all(): Iterable<AgentRecord> {
    for (const record of [...this.#byKey.values()]) if (this.#byKey.get(record.key) === record) yield record
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
