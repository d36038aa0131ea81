import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Policy } from '../policy/schema.ts'

const MINUTE_MS = 60_000
/**
 * Minimum time that an agent stays idle before it is stopped, in ms. An agent that has just become idle may
 * soon get a prompt from a person.
 */
const LEAST_MS = MINUTE_MS

export interface IdleAgentsOptions {
  agents: AgentPool
  /** Returns the last policy that could be read. */
  policy(): Policy | undefined
  clock: Clock
  logger: Logger
}

/**
 * Stops agents that have been idle for too long. If too many agents are idle, stops the agents that have been
 * idle longest.
 */
export class IdleAgents {
  readonly #options: IdleAgentsOptions

  constructor(options: IdleAgentsOptions) {
    this.#options = options
  }

  check() {
    const { agents, policy, clock } = this.#options
    const { stop_after_min: after, keep } = policy()?.idle ?? {}
    if (after === undefined && keep === undefined) return
    const idle = [...agents]
      .filter(isIdle)
      .map((agent) => ({ agent, ms: clock.now() - Date.parse(agent.snapshot.since) }))
      .sort((a, b) => a.ms - b.ms)
    for (const [index, { agent, ms }] of idle.entries()) {
      if (ms < LEAST_MS) continue
      if (after !== undefined && ms >= after * MINUTE_MS)
        this.#rest(agent, `It was idle for ${after} minutes.`)
      else if (keep !== undefined && index >= keep)
        this.#rest(agent, `At most ${keep} idle agents keep running on this machine.`)
    }
  }

  #rest(agent: Agent, why: string) {
    const { agents, logger } = this.#options
    logger.info({ agent_id: agent.id, why }, 'stopping an idle agent; its next prompt starts it again')
    agents
      .rest(agent, `${why} Its next prompt starts it again.`)
      .catch((err) => logger.warn({ agent_id: agent.id, err }, 'cannot stop the idle agent'))
  }
}

/** Reports whether the agent has no work, no request for a person, and no undelivered prompt. */
const isIdle = ({ snapshot, isReady, inbox }: Agent) =>
  isReady &&
  snapshot.state === 'idle' &&
  snapshot.pending.length === 0 &&
  (snapshot.background_tasks ?? []).length === 0 &&
  inbox.unsettledCount === 0
