import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import { boundStderr, returnBytes } from '../agents/disk/journal-space.ts'
import { checkMemory } from '../agents/process/cgroup/out-of-memory.ts'
import { renewLease } from '../agents/process/launch.ts'
import { checkProgram } from '../agents/process/program-gone.ts'
import { isResting } from '../agents/process/rest.ts'
import { checkHooks } from '../agents/state/slow-hooks.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** Interval, in ms, at which a cursor is saved if it has changes that the journal does not contain. */
const SAVE_MS = 2000
/** Interval, in ms, at which processes and journals are checked, and all other changed cursors are saved. */
const CHECK_MS = 6000
/** Interval at which disk space is freed and old agents are removed, in ms. */
const CLEAN_MS = 30_000
/**
 * Delay of the first cleanup, in ms. The delay is short because an earlier daemon may have left work. It is
 * long enough not to slow down the start.
 */
const FIRST_CLEAN_MS = 3000
/**
 * Maximum time between renewals of a lease, in ms. A lease is renewed after a quarter of its duration if that
 * is earlier.
 */
const RENEW_MS = 30_000
/**
 * Time after which the work on further agents continues in the next turn of the event loop, in ms. An agent
 * whose cursor must be saved takes longer, so that activity waits for at most one agent.
 */
const SLICE_MS = 0.2
const DAY_MS = 24 * 3_600_000

export interface UpkeepOptions {
  agents: AgentPool
  /**
   * Reports whether the server is connected. Agents' leases are renewed only while the server is connected.
   */
  isConnected(): boolean
  /** Maximum number of acknowledged journal bytes that are kept on this machine for each agent. */
  journalCapBytes: number
  retainEndedDays: number
  clock: Clock
  logger: Logger
}

type Work = (agent: Agent) => void | Promise<void>

/** Performs periodic work on agents. */
export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #timers = new Set<Timer>()
  /** Time of the last renewal of each agent's lease (monotonic ms). */
  readonly #renewed = new WeakMap<Agent, number>()
  #stopped = false

  constructor(options: UpkeepOptions) {
    this.#options = options
  }

  start() {
    const { agents, isConnected } = this.#options
    const save = (agent: Agent) => {
      agents.save(agent, { changed: true })
      if (isConnected()) this.#renew(agent)
    }
    this.#every(SAVE_MS, [save])
    const check = (agent: Agent) => {
      agents.check(agent)
      checkHooks(agent, this.#options.clock.now())
      checkProgram(agent)
      checkMemory(agent)
    }
    this.#every(CHECK_MS, [check, (agent) => agents.save(agent)])
    this.#every(CLEAN_MS, [(agent) => this.#clean(agent)], FIRST_CLEAN_MS)
  }

  stop() {
    this.#stopped = true
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer)
    this.#timers.clear()
  }

  #every(ms: number, works: Work[], firstMs = ms) {
    const { clock } = this.#options
    const timer = clock.setTimeout(async () => {
      this.#timers.delete(timer)
      for (const work of works) await this.#each(work)
      if (!this.#stopped) this.#every(ms, works)
    }, firstMs)
    this.#timers.add(timer)
  }

  async #each(work: Work) {
    const { agents, clock, logger } = this.#options
    let since = clock.monotonic()
    for (const agent of [...agents]) {
      if (this.#stopped) return
      // Skip an agent that was removed in the meantime.
      if (agents.find(agent.id) !== agent) continue
      try {
        await work(agent)
      } catch (error) {
        logger.warn({ agent_id: agent.id, err: error }, 'upkeep failed')
      }
      if (clock.monotonic() - since < SLICE_MS) continue
      await new Promise(setImmediate)
      since = clock.monotonic()
    }
  }

  #renew(agent: Agent) {
    const { lease } = agent.record.spec
    if (agent.hasEnded || !lease || lease.action === 'keep') return
    const now = this.#options.clock.monotonic()
    if (now - (this.#renewed.get(agent) ?? -RENEW_MS) < Math.min(RENEW_MS, (lease.after_s * 1000) / 4)) return
    renewLease(agent)
    this.#renewed.set(agent, now)
  }

  async #clean(agent: Agent) {
    const { agents, journalCapBytes, retainEndedDays, clock, logger } = this.#options
    await returnBytes(agent, journalCapBytes)
    boundStderr(agent)
    const { since } = agent.snapshot
    // Keep an agent that was stopped because it was idle: its next prompt must be able to start it at any
    // time.
    if (isResting(agent)) return
    if (!agent.hasEnded || agent.backlog > 0 || clock.now() - Date.parse(since) < retainEndedDays * DAY_MS)
      return
    const kept = agent.record.worktree?.path
    const about = { agent_id: agent.id, ended: since, ...(kept !== undefined && { kept_worktree: kept }) }
    logger.info(about, 'agent removed because it ended long ago')
    await agents.remove(agent)
  }
}
