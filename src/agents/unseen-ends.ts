import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import { haveBack, isUnexplained } from './process/recall.ts'
import type { Restarts } from './restart.ts'

/**
 * Time after this daemon's start, in ms. During this time, agents may still end for the reason that ended the
 * previous daemon.
 */
const LATE_MS = 15_000

export interface UnseenEndsOptions {
  clock: Clock
  logger: Logger
  restarts: Pick<Restarts, 'again'>
}

/**
 * Records why an earlier daemon's agents were killed or lost while no daemon was running, or just after this
 * daemon started.
 */
export class UnseenEnds {
  readonly #options: UnseenEndsOptions
  readonly #agents = new Set<Agent>()
  #known: { why(agent: Agent): string | undefined; back: boolean } | undefined

  constructor(options: UnseenEndsOptions) {
    this.#options = options
  }

  add(agent: Agent) {
    this.#agents.add(agent)
  }

  forget(agent: Agent) {
    this.#agents.delete(agent)
  }

  /**
   * Records why the agents ended while no daemon was running. Agents that end soon afterward get the same
   * explanation: systemd may restart a unit before all of its processes are gone (cgroups v1 in a container).
   * @param back true to restart the agents regardless of their restart policies
   */
  explain(why: (agent: Agent) => string | undefined, back: boolean) {
    this.#known = { why, back }
    for (const agent of [...this.#agents]) this.onEnded(agent)
    this.#options.clock.setTimeout(() => this.#agents.clear(), LATE_MS).unref()
  }

  /** Records why the agent ended, if it has ended and the reason is known. */
  onEnded(agent: Agent) {
    const { logger, restarts } = this.#options
    if (!this.#known || !agent.hasEnded || !this.#agents.delete(agent) || !isUnexplained(agent)) return
    const { why, back } = this.#known
    const reason = why(agent)
    if (reason === undefined) return
    agent.explain(reason)
    logger.warn({ agent_id: agent.id }, reason)
    if (!back) return
    try {
      haveBack(agent, reason)
    } catch (err) {
      logger.warn(
        { agent_id: agent.id, err },
        'cannot record a restart of the agent; its restart policy decides',
      )
      return
    }
    restarts.again(agent)
  }
}
