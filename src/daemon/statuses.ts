import type { Agent } from '../agents/agent.ts'
import type { FromDaemon, MachineStatus } from '../protocol/index.ts'

/** What statuses are told by. */
export interface Teller {
  readonly up: boolean
  /** So much waits to be sent that more has to wait, too. */
  readonly busy: boolean
  send(message: FromDaemon): boolean
}

/**
 * Tells the server what has changed, once per turn of the event loop however often it changed. A greeting tells
 * everything; what changes between it and the server's welcome is kept and told then.
 */
export class Statuses {
  readonly #link: Teller
  readonly #changed = new Set<Agent>()
  readonly #removed = new Set<string>()
  #machine: (() => MachineStatus) | undefined
  #scheduled = false

  constructor(link: Teller) {
    this.#link = link
  }

  agent(agent: Agent) {
    this.#changed.add(agent)
    this.#schedule()
  }

  machine(status: () => MachineStatus) {
    this.#machine = status
    this.#schedule()
  }

  drop(agentId: string) {
    for (const agent of this.#changed) if (agent.id === agentId) this.#changed.delete(agent)
    this.#removed.add(agentId)
    this.flush()
  }

  /** The server has it all, or is just told by a greeting. */
  told() {
    this.#machine = undefined
    this.#changed.clear()
    this.#removed.clear()
  }

  /** Tells what there is room for: the rest when the link is no longer busy. */
  flush() {
    if (!this.#link.up) return
    // First: the same id may be another agent's by now.
    for (const agent_id of this.#removed) this.#link.send({ type: 'agent:removed', agent_id })
    if (this.#machine) this.#link.send({ type: 'machine:status', ...this.#machine() })
    this.#removed.clear()
    this.#machine = undefined
    for (const agent of this.#changed) {
      // A thousand statuses of a MiB each would end the link, and the next one.
      if (this.#link.busy) return
      this.#changed.delete(agent)
      this.#link.send({ type: 'agent:status', ...agent.status() })
    }
  }

  #schedule() {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }
}
