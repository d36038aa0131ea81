import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import { haveBack, isUnexplained } from './recall.ts'
import type { Restarts } from './restart.ts'

/** How long after this daemon's start whatever ended the previous one may still end agents. */
const LATE_MS = 15_000

export interface UnseenOptions {
  clock: Clock
  logger: Logger
  restarts: Pick<Restarts, 'again'>
}

/** Agents of an earlier daemon that were killed or lost while no daemon was running, or just after this one started. */
export class Unseen {
  readonly #options: UnseenOptions
  readonly #agents = new Set<Agent>()
  #known: { why(agent: Agent): string | undefined; back: boolean } | undefined

  constructor(options: UnseenOptions) {
    this.#options = options
  }

  add(agent: Agent) {
    this.#agents.add(agent)
  }

  forget(agent: Agent) {
    this.#agents.delete(agent)
  }

  /**
   * Explains what ended the agents while no daemon was running. An agent that ends soon after that is explained then:
   * systemd may start a unit again before all of its processes are gone (cgroups v1 in a container).
   * @param back whether the agents come back whatever their restart policies say
   */
  explain(why: (agent: Agent) => string | undefined, back: boolean) {
    this.#known = { why, back }
    for (const agent of [...this.#agents]) this.ended(agent)
    this.#options.clock.setTimeout(() => this.#agents.clear(), LATE_MS).unref()
  }

  /** An agent may have ended. */
  ended(agent: Agent) {
    const { logger, restarts } = this.#options
    if (!this.#known || !agent.ended || !this.#agents.delete(agent) || !isUnexplained(agent)) return
    const { why, back } = this.#known
    const reason = why(agent)
    if (reason === undefined) return
    agent.explain(reason)
    logger.warn({ agent_id: agent.id }, reason)
    if (!back) return
    try {
      haveBack(agent, reason)
    } catch (err) {
      logger.warn({ agent_id: agent.id, err }, 'the agent is left to its restart policy')
      return
    }
    restarts.again(agent)
  }
}
