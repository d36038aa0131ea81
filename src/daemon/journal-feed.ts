import type { Agent } from '../agents/agent.ts'
import type { Outbox, Source } from '../link/outbox.ts'
import type { Logger } from '../platform/log.ts'

/** Follows the journals: offers new lines to the outbox, or reads them here while nothing is sent. */
export class JournalFeed {
  readonly #outbox: Outbox
  readonly #logger: Logger
  readonly #waiting = new Set<Agent>()

  constructor(outbox: Outbox, logger: Logger) {
    this.#outbox = outbox
    this.#logger = logger
  }

  onGrowth(agent: Agent) {
    if (this.#outbox.offer(agent satisfies Source)) return
    // Follow the journal even without a connection: it shows the agent's state and the prompts that the agent
    // accepted.
    const from = agent.snapshot.offset
    const isMore = agent.catchUp()
    const to = agent.snapshot.offset
    if (to > from) this.#logger.debug({ agent_id: agent.id, from, to }, 'journal read')
    if (isMore) this.#later(agent)
  }

  /** A long journal must not delay everything else. */
  #later(agent: Agent) {
    if (this.#waiting.has(agent)) return
    this.#waiting.add(agent)
    setImmediate(() => {
      this.#waiting.delete(agent)
      this.onGrowth(agent)
    })
  }
}
