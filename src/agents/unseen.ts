import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import { haveBack, isUnexplained } from './recall.ts'
import type { Restarts } from './restart.ts'

/** After a start: how long an agent's end may still be the work of what ended the daemon before. */
const LATE_MS = 15_000

export interface UnseenOptions {
  clock: Clock
  logger: Logger
  restarts: Pick<Restarts, 'again'>
}

/** Agents that an earlier daemon left, and that were killed, or lost, while no daemon was there, or a moment later. */
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
   * It is known what ended agents while no daemon was there. Those that have not ended yet are explained when they do, if
   * that is soon: systemd may start a unit again before all of its processes are gone (cgroups v1 in a container).
   * @param back whether they are to come back whatever their restart policies say
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
    haveBack(agent, reason)
    restarts.again(agent)
  }
}
