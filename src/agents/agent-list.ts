import type { Agent } from './agent.ts'
import { CommandFailure } from './command-failure.ts'

/** The agents of one state folder, running or ended, by id. */
export class AgentList implements Iterable<Agent> {
  readonly #agents = new Map<string, Agent>()

  get size() {
    return this.#agents.size
  }

  [Symbol.iterator]() {
    return this.#agents.values()
  }

  /** Returns an agent by id. @throws CommandFailure if there is none */
  get(agentId: string): Agent {
    const agent = this.#agents.get(agentId)
    if (!agent)
      throw new CommandFailure('agent_not_found', `This machine has no agent ${agentId}.`, {
        path: 'agent_id',
        remedy: 'Start a new agent, which can resume an earlier session.',
      })
    return agent
  }

  find(agentId: string) {
    return this.#agents.get(agentId)
  }

  add(agent: Agent) {
    this.#agents.set(agent.id, agent)
  }

  delete(agent: Agent) {
    this.#agents.delete(agent.id)
  }
}
