import type { Agent } from '../agents/agent.ts'
import type { FromDaemon, MachineStatus } from '../protocol/index.ts'

/** The part of the connection that is needed to send statuses. */
export interface StatusConnection {
  readonly isUp: boolean
  /** True while the send buffer is full, so that further messages must wait. */
  readonly isBusy: boolean
  send(message: FromDaemon): boolean
}

/**
 * Sends changed statuses to the server, at most once per turn of the event loop. A greeting contains all
 * statuses. Changes between the greeting and the server's welcome are sent after the welcome.
 */
export class StatusSender {
  readonly #link: StatusConnection
  readonly #changed = new Set<Agent>()
  readonly #removed = new Set<string>()
  #machine: (() => MachineStatus) | undefined
  #scheduled = false

  constructor(link: StatusConnection) {
    this.#link = link
  }

  onAgent(agent: Agent) {
    this.#changed.add(agent)
    this.#schedule()
  }

  onMachine(status: () => MachineStatus) {
    this.#machine = status
    this.#schedule()
  }

  drop(agentId: string) {
    for (const agent of this.#changed) if (agent.id === agentId) this.#changed.delete(agent)
    this.#removed.add(agentId)
    this.flush()
  }

  /** Discards the pending changes, because the greeting that is about to be sent contains them. */
  told() {
    this.#machine = undefined
    this.#changed.clear()
    this.#removed.clear()
  }

  /**
   * Sends as many statuses as the connection accepts. The other statuses are sent when the connection is no
   * longer busy.
   */
  flush() {
    if (!this.#link.isUp) return
    // Send removals first, because a new agent may already have the id of a removed agent.
    for (const agent_id of this.#removed) this.#link.send({ type: 'agent:removed', agent_id })
    this.#removed.clear()
    const machine = this.#machine
    // Do this before sending: sending reads the policy again, and a changed policy may set a new status.
    this.#machine = undefined
    if (machine) this.#link.send({ type: 'machine:status', ...machine() })
    for (const agent of this.#changed) {
      // Stop when the connection is busy: a thousand statuses of a MiB each would break this connection and
      // every later connection.
      if (this.#link.isBusy) return
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
