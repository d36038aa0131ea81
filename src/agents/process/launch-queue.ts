import { availableParallelism } from 'node:os'
import { type Clock, isoTime, type Timer } from '../../platform/clock.ts'
import { writeAtomic } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import type { Agent } from '../agent.ts'
import { notLaunched } from '../disk/unreadable.ts'
import type { RepositoryTrust } from '../trust/repository-trust.ts'
import { isLaunched, type LaunchOptions, launch, putFirst } from './launch.ts'
import type { MemoryRoom, Wait } from './memory-room.ts'
import { forgo, stayEnded } from './recall.ts'

/**
 * Maximum number of agents that start at once. Each agent needs a core for a second or more until it is
 * ready.
 */
export const AT_ONCE = Math.max(4, 2 * availableParallelism())
/** Duration after which a start counts as slow and no longer delays other starts, in ms. */
const SLOW_MS = 10_000
/** Interval at which the memory is checked while an agent waits for it, in ms. */
const MEMORY_MS = 2000
/**
 * Number of places at the front of the queue. At these places, each change of an agent's place is reported.
 * Further back in the queue, an agent's place is reported only at every tenth place.
 */
const REPORTED_PLACES = 10
/** Minimum wait in the queue, in ms, after which `launched_at` is updated to the time of the launch. */
const STALE_MS = 1000

export interface LaunchQueueOptions extends Pick<LaunchOptions, 'environment' | 'umask' | 'permit'> {
  /** All agents, running or ended. */
  agents: Iterable<Agent>
  room: Pick<MemoryRoom, 'waitOf'>
  shelter?(): Promise<LaunchOptions['shelter']>
  /** Returns the folder for the control groups of new agents, if this machine can have control groups. */
  groups?(): Promise<LaunchOptions['groups']>
  trust: Pick<RepositoryTrust, 'ask' | 'cancel' | 'close' | 'mayUse'>
  clock: Clock
  logger: Logger
}

/**
 * Launches at most `AT_ONCE` agents at a time, and each agent only when there is memory for it. Other agents
 * are queued. The queue is not stored on the disk. The next daemon again queues all agents that have no
 * launcher.
 */
export class LaunchQueue {
  readonly #options: LaunchQueueOptions
  readonly #waiting = new Map<Agent, (launches: boolean) => void>()
  readonly #launching = new Set<Promise<void>>()
  readonly #watched = new Set<Agent>()
  #starting = 0
  #timer: Timer | undefined
  #closed = false

  constructor(options: LaunchQueueOptions) {
    this.#options = options
  }

  /**
   * Launches the agent's current run when it reaches the front of the queue. Resolves when the agent is
   * launched or no longer queued.
   * @throws CommandFailure if the launch fails; the agent's state is then `failed`
   */
  async add(agent: Agent): Promise<void> {
    try {
      // Do this before waiting, so that later input comes after the first input.
      putFirst(agent)
      // If there is nothing to ask, do not await, so that the caller knows at once whether the agent is
      // queued.
      const asked = isLaunched(agent) ? undefined : this.#askForTrust(agent)
      if ((asked && !(await asked)) || !(await this.#turn(agent))) return
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
      const { code, message, path, remedy } = failure.error
      const byPolicy = code === 'policy' && { path, remedy }
      agent.markLaunchFailed({ code: byPolicy ? code : 'launch_failed', message, ...byPolicy })
      throw failure
    }
    void this.watch(agent).then(() => this.#leave())
  }

  /**
   * Marks an agent as slow if its start takes a long time. Resolves when the agent is ready, has ended, or is
   * slow.
   */
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
    const asked = this.#options.trust.cancel(agent)
    this.#waiting.delete(agent)
    agent.launching.queued = undefined
    decide?.(false)
    this.#advance()
    return asked || decide !== undefined
  }

  /**
   * Stops launching; the next daemon launches the queued agents. Resolves when the launches in progress are
   * done.
   */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
    this.#options.trust.close()
    for (const decide of this.#waiting.values()) decide(false)
    await Promise.allSettled(this.#launching)
  }

  /**
   * Asks a person to permit the startup files of the agent's folder.
   * @returns undefined if there is nothing to permit
   */
  #askForTrust(agent: Agent): Promise<boolean> | undefined {
    if (this.#closed) return undefined
    const asked = this.#options.trust.ask(agent)
    if (!asked) return undefined
    agent.launching.queued = {
      since: this.#now(),
      reason: 'It waits until a person permits the startup files of its folder, which run programs.',
      remedy: `Look at the files and permit them: \`fomular-daemon agent approve ${agent.id}\`.`,
    }
    agent.touch()
    return asked.then(
      (isTrusted) => {
        if (!isTrusted) return false
        agent.launching.queued = undefined
        agent.touch()
        return true
      },
      (error) => {
        agent.launching.queued = undefined
        stayEnded(agent)
        throw error
      },
    )
  }

  #turn(agent: Agent): Promise<boolean> | boolean {
    if (this.#closed) return false
    if (this.#waiting.size === 0 && !this.#waitOf(agent)) {
      this.#starting++
      return true
    }
    agent.launching.queued = { since: this.#now() }
    const turn = new Promise<boolean>((resolve) => this.#waiting.set(agent, resolve))
    this.#advance()
    agent.touch()
    return turn
  }

  #leave() {
    this.#starting--
    this.#advance()
  }

  /**
   * Launches the agents that need not wait, from the front of the queue. Updates the places of the other
   * agents.
   */
  #advance() {
    if (this.#closed) return
    let wait: Wait | undefined
    for (const [agent, decide] of this.#waiting) {
      wait = this.#waitOf(agent)
      if (wait) break
      this.#waiting.delete(agent)
      this.#starting++
      agent.launching.queued = undefined
      agent.touch()
      decide(true)
    }
    if (!wait) return
    this.#tellPlaces(wait)
    this.#checkLater()
  }

  /** Checks the queue again after a delay, since no event reports that memory has become free. */
  #checkLater() {
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      this.#advance()
    }, MEMORY_MS)
  }

  #tellPlaces(wait: Wait) {
    let place = 0
    for (const agent of this.#waiting.keys()) {
      place++
      const { queued } = agent.launching
      if (!queued || (queued.place === place && queued.reason === wait.reason)) continue
      const isMoved = queued.place !== place
      agent.launching.queued = { since: queued.since, place, ...wait }
      if (isMoved && (place <= REPORTED_PLACES || place % 10 === 0 || queued.place === undefined))
        agent.touch()
    }
  }

  #waitOf(agent: Agent): Wait | undefined {
    if (this.#starting >= AT_ONCE) return { reason: `${this.#starting} other agents are starting.` }
    const { agents, room } = this.#options
    const others = [...agents].filter(
      (other) => other !== agent && !other.hasRunEnded && !other.hasEnded && !other.launching.queued,
    )
    return room.waitOf(agent, others)
  }

  #now() {
    return isoTime(this.#options.clock.now())
  }

  async #launch(agent: Agent) {
    const { environment, umask, permit, trust, shelter, groups, logger } = this.#options
    // If the agent was recalled while it was queued, this launch replaces its restart.
    forgo(agent)
    const launched_at = this.#now()
    if (Math.abs(Date.parse(launched_at) - Date.parse(agent.run.launched_at)) > STALE_MS) {
      agent.run = { ...agent.run, launched_at }
      writeAtomic(agent.folder.run, JSON.stringify(agent.run))
    }
    const place = { shelter: await shelter?.(), groups: await groups?.() }
    await launch(agent, { environment, umask, permit, trust, ...place })
    logger.info({ agent_id: agent.id, run: agent.run.run }, 'agent launched')
  }
}
