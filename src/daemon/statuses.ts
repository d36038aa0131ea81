import type { Agent } from '../agents/agent.ts'
import type { FromDaemon, MachineStatus } from '../protocol/index.ts'

/** Tells the server what has changed, once per turn of the event loop however often it changed. */
export class Statuses {
  readonly #send: (message: FromDaemon) => boolean
  readonly #changed = new Set<Agent>()
  #machine: (() => MachineStatus) | undefined
  #scheduled = false

  constructor(send: (message: FromDaemon) => boolean) {
    this.#send = send
  }

  /** While the link is down nothing is kept: the next greeting carries every status. */
  agent(agent: Agent) {
    this.#changed.add(agent)
    this.#schedule()
  }

  machine(status: () => MachineStatus) {
    this.#machine = status
    this.#schedule()
  }

  flush() {
    const machine = this.#machine?.()
    this.#machine = undefined
    if (machine) this.#send({ type: 'machine:status', ...machine })
    for (const agent of this.#changed) this.#send({ type: 'agent:status', ...agent.status() })
    this.#changed.clear()
  }

  drop(agentId: string) {
    for (const agent of this.#changed) if (agent.id === agentId) this.#changed.delete(agent)
    this.#send({ type: 'agent:removed', agent_id: agentId })
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
