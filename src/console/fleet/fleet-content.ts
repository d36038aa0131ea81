import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { FleetChange } from '../../client/follow-fleet.ts'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { AgentGroups } from './agent-groups.ts'

/** Identifies an agent: two machines may have agents with the same id. */
export const agentKey = (agent: { machine_id: string; agent_id: string }) =>
  JSON.stringify([agent.machine_id, agent.agent_id])

/**
 * The machines and agents that the changes of a hub make up. When the hub sends everything again, those that are known
 * stay until it has named all others: a page shows them, and dialogs about them stay open.
 */
export class FleetContent {
  readonly machines = new Map<string, HubMachine>()
  /** Agents by `agentKey`. */
  readonly agents = new Map<string, FleetAgent>()
  /** The agents by group. */
  readonly groups = new AgentGroups(this.agents)
  /** Ids of machines, and keys of agents, that the hub has not named again. */
  readonly #unnamed = { machines: new Set<string>(), agents: new Set<string>() }

  apply(change: FleetChange) {
    switch (change.type) {
      case 'reset':
        for (const id of this.machines.keys()) this.#unnamed.machines.add(id)
        for (const key of this.agents.keys()) this.#unnamed.agents.add(key)
        return
      case 'current':
        for (const id of this.#unnamed.machines) this.#removeMachine(id)
        for (const key of this.#unnamed.agents) this.#removeAgent(key)
        return
      case 'machine':
        this.machines.set(change.machine.machine_id, change.machine)
        this.#unnamed.machines.delete(change.machine.machine_id)
        return
      case 'machine_removed':
        this.#removeMachine(change.machine_id)
        return
      case 'agent': {
        const key = agentKey(change.agent)
        this.groups.replace(this.agents.get(key), change.agent)
        this.agents.set(key, change.agent)
        this.#unnamed.agents.delete(key)
        return
      }
      case 'agent_removed':
        this.#removeAgent(agentKey(change))
    }
  }

  #removeMachine(id: string) {
    this.machines.delete(id)
    this.#unnamed.machines.delete(id)
  }

  #removeAgent(key: string) {
    this.groups.replace(this.agents.get(key), undefined)
    this.agents.delete(key)
    this.#unnamed.agents.delete(key)
  }
}
