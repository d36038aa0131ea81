import { type FSWatcher, watch } from 'node:fs'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Agent } from '../agent.ts'

/** Interval at which journals that the system does not watch are polled, in ms. */
const POLL_MS = 250
/** Interval between attempts to watch polled journals again, in ms. */
const RETRY_MS = 10_000

export interface JournalWatcherOptions {
  clock: Clock
  logger: Logger
  /** Called when the journal has grown, or may have grown. */
  onGrowth(agent: Agent): void
}

/**
 * Reports growing journals, by inotify or kqueue, or by polling if the system refuses more watches. The limit
 * on watches is per user, so other programs can use up the watches.
 */
export class JournalWatcher {
  readonly #options: JournalWatcherOptions
  readonly #watchers = new Map<Agent, FSWatcher>()
  readonly #polled = new Set<Agent>()
  #timer: Timer | undefined
  #retryAt = 0
  #told = false

  constructor(options: JournalWatcherOptions) {
    this.#options = options
  }

  add(agent: Agent) {
    if (!this.#watch(agent)) this.#poll(agent)
  }

  forget(agent: Agent) {
    this.#watchers.get(agent)?.close()
    this.#watchers.delete(agent)
    this.#polled.delete(agent)
    if (this.#polled.size > 0 || !this.#timer) return
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #watch(agent: Agent): boolean {
    try {
      const watcher = watch(agent.folder.journal, { persistent: false }, () => this.#grown(agent))
      watcher.on('error', (error) => {
        watcher.close()
        if (this.#watchers.delete(agent)) this.#poll(agent, error)
      })
      this.#watchers.set(agent, watcher)
      return true
    } catch (error) {
      this.#tell(error)
      return false
    }
  }

  #poll(agent: Agent, error?: unknown) {
    if (error !== undefined) this.#tell(error)
    this.#polled.add(agent)
    if (this.#polled.size === 1) this.#retryAt = this.#options.clock.monotonic() + RETRY_MS
    this.#timer ??= this.#later()
  }

  #later(): Timer {
    return this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      this.#look()
      if (this.#polled.size > 0) this.#timer ??= this.#later()
    }, POLL_MS)
  }

  #look() {
    const { clock, logger } = this.#options
    for (const agent of [...this.#polled]) if (!agent.hasEnded || agent.backlog > 0) this.#grown(agent)
    if (clock.monotonic() < this.#retryAt) return
    this.#retryAt = clock.monotonic() + RETRY_MS
    // If the system refuses one watch, it refuses all other watches, too.
    for (const agent of [...this.#polled]) {
      if (!this.#watch(agent)) return
      this.#polled.delete(agent)
    }
    this.#told = false
    logger.info('watching journals again')
  }

  /** Ignores errors, which must not end the daemon. The periodic check of the agent reports them. */
  #grown(agent: Agent) {
    const { onGrowth, logger } = this.#options
    try {
      onGrowth(agent)
    } catch (error) {
      logger.debug({ agent_id: agent.id, err: error }, 'cannot read the journal')
    }
  }

  #tell(error: unknown) {
    if (this.#told) return
    this.#told = true
    this.#options.logger.warn({ err: error }, 'cannot watch journals; polling them instead')
  }
}
