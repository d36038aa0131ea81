import type { Agent } from '../agents/agent.ts'
import type { Agents } from '../agents/agents.ts'
import { boundStderr, returnBytes } from '../agents/journal-space.ts'
import { renewLease } from '../agents/launch.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** How often cursors are written and processes looked at. */
const CHECK_MS = 2000
/** How often disk space and old agents are looked after. */
const CLEAN_MS = 30_000
/** The first time: what an earlier daemon left undone, without holding up the start. */
const FIRST_CLEAN_MS = 3000
/** Most between two renewals of a lease; of a short one a quarter of it. */
const RENEW_MS = 30_000
const DAY_MS = 24 * 3_600_000

export interface UpkeepOptions {
  agents: Agents
  /** Whether the server is there: agents' leases are renewed only then. */
  connected(): boolean
  /** Acknowledged activity that is kept on this machine, per agent. */
  journalCapBytes: number
  retainEndedDays: number
  clock: Clock
  logger: Logger
}

/** What has to be done from time to time, whatever happens. */
export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #timers = new Set<Timer>()
  /** When each agent's lease was last renewed (monotonic ms). */
  readonly #renewed = new WeakMap<Agent, number>()

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  start() {
    this.#every(CHECK_MS, () => this.#check())
    this.#every(CLEAN_MS, () => this.#clean(), FIRST_CLEAN_MS)
  }

  stop() {
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer)
    this.#timers.clear()
  }

  #every(ms: number, run: () => void | Promise<void>, firstMs = ms) {
    const { clock, logger } = this.#options
    const timer = clock.setTimeout(async () => {
      try {
        await run()
      } catch (error) {
        logger.warn({ err: error }, 'upkeep failed')
      }
      if (this.#timers.delete(timer)) this.#every(ms, run)
    }, firstMs)
    this.#timers.add(timer)
  }

  #check() {
    const { agents, connected } = this.#options
    agents.check()
    agents.save()
    if (connected()) for (const agent of agents) this.#renew(agent)
  }

  #renew(agent: Agent) {
    const { lease } = agent.record.spec
    if (agent.ended || !lease || lease.action === 'keep') return
    const now = this.#options.clock.monotonic()
    if (now - (this.#renewed.get(agent) ?? -RENEW_MS) < Math.min(RENEW_MS, (lease.after_s * 1000) / 4)) return
    renewLease(agent)
    this.#renewed.set(agent, now)
  }

  async #clean() {
    const { agents, journalCapBytes, retainEndedDays, clock, logger } = this.#options
    for (const agent of [...agents]) {
      await returnBytes(agent, journalCapBytes)
      boundStderr(agent)
      const { since } = agent.snapshot
      if (!agent.ended || agent.backlog > 0 || clock.now() - Date.parse(since) < retainEndedDays * DAY_MS)
        continue
      logger.info({ agent_id: agent.id, ended: since }, 'agent forgotten: it ended long ago')
      await agents.remove(agent)
    }
  }
}
