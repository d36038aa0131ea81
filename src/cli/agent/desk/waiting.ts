import type { FleetAgent } from '../../../client/fleet-agent.ts'
import type { FleetChange } from '../../../client/follow-fleet.ts'
import type { PermissionRequest } from '../../../protocol/index.ts'
import { isAsking } from '../../../protocol/needs.ts'
import { nameOf } from '../pick-request.ts'

/** A request that waits for a person, and its agent. */
export interface Waiting {
  /** Identifies the request among all requests of all agents. */
  key: string
  agent: FleetAgent
  /** Undefined for the requests that the agent's status leaves out: their number is in the status. */
  request: PermissionRequest | undefined
}

/** All agents, and the requests that wait for a person. */
export class WaitingRequests {
  readonly #agents = new Map<string, FleetAgent>()
  /** Agents that the hub has not named since it began to send everything again. */
  readonly #unconfirmed = new Set<string>()
  readonly #machineId: string | undefined

  /** @param machineId machine whose agents count; by default, all agents count */
  constructor(machineId: string | undefined) {
    this.#machineId = machineId
  }

  apply(change: FleetChange) {
    if (change.type === 'reset') for (const key of this.#agents.keys()) this.#unconfirmed.add(key)
    else if (change.type === 'agent_removed') this.#agents.delete(keyOf(change))
    else if (change.type === 'agent' && this.#counts(change.agent)) {
      this.#agents.set(keyOf(change.agent), change.agent)
      this.#unconfirmed.delete(keyOf(change.agent))
    }
  }

  /** Forgets the agents that no longer exist, once the hub has sent everything again. */
  complete() {
    for (const key of this.#unconfirmed) this.#agents.delete(key)
    this.#unconfirmed.clear()
  }

  /** Returns the requests that can be answered now. The request that has waited longest comes first. */
  all(): Waiting[] {
    return this.#waiting(true)
  }

  /** Returns the requests that cannot be answered now, because their machines are not connected. */
  away(): Waiting[] {
    return this.#waiting(false)
  }

  #waiting(isConnected: boolean): Waiting[] {
    return [...this.#agents.values()]
      .filter((agent) => isAsking(agent) && agent.connected === isConnected && !agent.gone)
      .sort((one, other) => Date.parse(one.since) - Date.parse(other.since))
      .flatMap((agent) =>
        [...agent.pending, ...(agent.pending_omitted ? [undefined] : [])].map((request) => ({
          key: request ? JSON.stringify([agent.machine_id, agent.agent_id, nameOf(request)]) : keyOf(agent),
          agent,
          request,
        })),
      )
  }

  /** Returns the agents that work, by id. */
  working(): FleetAgent[] {
    return [...this.#agents.values()]
      .filter(({ state, connected, gone }) => connected && !gone && ['working', 'starting'].includes(state))
      .sort((one, other) => (one.agent_id < other.agent_id ? -1 : 1))
  }

  /** Returns the agents with an id that begins with `text`, or is equal to it. */
  called(text: string): FleetAgent[] {
    const known = [...this.#agents.values()].filter(({ gone }) => !gone)
    const exact = known.filter(({ agent_id }) => agent_id === text)
    return exact.length > 0 ? exact : known.filter(({ agent_id }) => agent_id.startsWith(text))
  }

  #counts({ machine_id }: FleetAgent): boolean {
    return this.#machineId === undefined || machine_id === this.#machineId
  }
}

/** Returns the key of an agent, and of the requests that its status leaves out. */
export const keyOf = ({ machine_id, agent_id }: { machine_id: string; agent_id: string }) =>
  JSON.stringify([machine_id, agent_id])
