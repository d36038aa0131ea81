import type { Agent } from '../agents/agent.ts'
import type { Outbox, Source } from '../link/outbox.ts'
import type { Logger } from '../platform/log.ts'

/**
 * Follows the journals. Offers new lines to the outbox. If the outbox cannot send these lines now, only reads
 * them into the snapshot.
 */
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
    // Read the journal even without a connection, because it shows the agent's state and the prompts that the
    // agent has accepted.
    const from = agent.snapshot.offset
    const isMore = agent.catchUp()
    const to = agent.snapshot.offset
    if (to > from) this.#logger.debug({ agent_id: agent.id, from, to }, 'journal read')
    if (isMore) this.#later(agent)
  }

  /** Reads more of a long journal later, so that other work is not delayed. */
  #later(agent: Agent) {
    if (this.#waiting.has(agent)) return
    this.#waiting.add(agent)
    setImmediate(() => {
      this.#waiting.delete(agent)
      this.onGrowth(agent)
    })
  }
}
