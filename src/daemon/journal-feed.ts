import type { Agent } from '../agents/agent.ts'
import type { Outbox, Source } from '../link/outbox.ts'

/** Follows the journals: passes what they gain to the outbox, or reads it here while nothing is sent. */
export class JournalFeed {
  readonly #outbox: Outbox
  readonly #waiting = new Set<Agent>()

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  onGrowth(agent: Agent) {
    if (this.#outbox.offer(agent satisfies Source)) return
    // Follow the journal without the link, too: it shows the agent's state and the prompts it accepted.
    if (agent.catchUp()) this.#later(agent)
  }

  /** A long journal must not hold up everything else. */
  #later(agent: Agent) {
    if (this.#waiting.has(agent)) return
    this.#waiting.add(agent)
    setImmediate(() => {
      this.#waiting.delete(agent)
      this.onGrowth(agent)
    })
  }
}
