import { availableParallelism } from 'node:os'
import { writeAtomic } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import type { Agent } from '../agent.ts'
import { notLaunched } from '../disk/unreadable.ts'
import { type LaunchOptions, launch, putFirst } from './launch.ts'
import { forgo } from './recall.ts'

/** Maximum number of agents that start at once. Each needs a core for a second or more until it is ready. */
export const AT_ONCE = Math.max(4, 2 * availableParallelism())
/** Duration after which a start counts as slow and no longer holds up others, in ms. */
const SLOW_MS = 10_000
/** Wait in the queue from which the time of the launch is recorded as `launched_at`, in ms. */
const STALE_MS = 1000

export interface LaunchQueueOptions extends Pick<LaunchOptions, 'environment' | 'umask' | 'permit'> {
  shelter?(): Promise<LaunchOptions['shelter']>
  /** Returns the current time (ISO 8601). */
  now(): string
  logger: Logger
}

/** Launches agents, at most `AT_ONCE` at a time; the others are queued. */
export class LaunchQueue {
  readonly #options: LaunchQueueOptions
  readonly #waiting = new Map<Agent, (launches: boolean) => void>()
  readonly #launching = new Set<Promise<void>>()
  readonly #watched = new Set<Agent>()
  #starting = 0
  #closed = false

  constructor(options: LaunchQueueOptions) {
    this.#options = options
  }

  /**
   * Launches the agent's current run when it reaches the front of the queue. Resolves when it is launched or
   * no longer queued.
   * @throws CommandFailure if the launch fails; the agent's state is then `failed`
   */
  async add(agent: Agent): Promise<void> {
    try {
      // Do this before the wait, so that input sent during the wait comes after the first input.
      putFirst(agent)
      if (!(await this.#turn(agent))) return
      const launching = this.#launch(agent)
      this.#launching.add(launching)
      await launching
        .catch((error) => {
          this.#leave()
          throw error
        })
        .finally(() => this.#launching.delete(launching))
    } catch (error) {
      const failure = notLaunched(error)
      this.#options.logger.warn({ agent_id: agent.id, err: error }, 'cannot launch the agent')
      agent.markLaunchFailed(failure.code === 'policy' ? 'policy' : 'launch_failed', failure.message)
      throw failure
    }
    void this.watch(agent).then(() => this.#leave())
  }

  /** Marks an agent as slow if its start takes long. Resolves when it is ready, has ended, or is slow. */
  async watch(agent: Agent): Promise<void> {
    const { run } = agent.run
    const over = () => agent.isReady || agent.hasRunEnded || agent.run.run !== run
    this.#watched.add(agent)
    const ready = await agent.until(over, SLOW_MS)
    if (!this.#watched.delete(agent) || ready || this.#closed) return
    agent.launching.slow = true
    agent.touch()
  }

  /** Takes an agent out of the queue. @returns whether it was queued */
  cancel(agent: Agent): boolean {
    this.#watched.delete(agent)
    const decide = this.#waiting.get(agent)
    this.#waiting.delete(agent)
    agent.launching.queuedSince = undefined
    decide?.(false)
    return decide !== undefined
  }

  /**
   * Stops launching; the next daemon launches the queued agents. Resolves when the launches in progress are
   * done.
   */
  async close(): Promise<void> {
    this.#closed = true
    for (const decide of this.#waiting.values()) decide(false)
    await Promise.allSettled(this.#launching)
  }

  #turn(agent: Agent): Promise<boolean> | boolean {
    if (this.#closed) return false
    if (this.#starting < AT_ONCE) {
      this.#starting++
      return true
    }
    agent.launching.queuedSince = this.#options.now()
    agent.touch()
    return new Promise((resolve) => this.#waiting.set(agent, resolve))
  }

  #leave() {
    const [next] = this.#closed ? [] : this.#waiting
    if (!next) {
      this.#starting--
      return
    }
    const [agent, decide] = next
    this.#waiting.delete(agent)
    agent.launching.queuedSince = undefined
    agent.touch()
    decide(true)
  }

  async #launch(agent: Agent) {
    const { environment, umask, permit, shelter, now, logger } = this.#options
    // If a restart was about to stop the agent before its launch, this launch already brings it back.
    forgo(agent)
    const launched_at = now()
    if (Math.abs(Date.parse(launched_at) - Date.parse(agent.run.launched_at)) > STALE_MS) {
      agent.run = { ...agent.run, launched_at }
      writeAtomic(agent.folder.run, JSON.stringify(agent.run))
    }
    await launch(agent, { environment, umask, permit, shelter: await shelter?.() })
    logger.info({ agent_id: agent.id, run: agent.run.run }, 'agent launched')
  }
}
