import { comparedEnvironment } from '../agents/runtimes/compared-environment.ts'
import type { Family } from '../metrics/family-schema.ts'
import { VERSION } from '../platform/version.ts'
import { isUnderWay } from '../update/record.ts'
import { assemble, type Parts } from './assemble.ts'
import { conditionOf } from './condition.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { describeAgent } from './describe-agent.ts'
import { daemonFamilies } from './metrics/families.ts'
import { Observed } from './metrics/observed.ts'
import { Shutdown } from './shutdown.ts'
import { warnOfCopy } from './warn-of-copy.ts'
import { warnOfForeignAgents } from './warn-of-foreign-agents.ts'
import { warnOfNewMachine } from './warn-of-new-machine.ts'

/**
 * A daemon, with functions to start it, to query its status, and to end it. The caller handles signals and
 * processes.
 */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #parts: Parts
  readonly #shutdown: Shutdown
  readonly #observed: Observed

  /** Takes over the agents and other contents of the state folder. Does not connect to the server yet. */
  constructor(options: DaemonOptions) {
    this.#options = options
    this.#parts = assemble(options)
    this.#shutdown = new Shutdown({ ...options, parts: this.#parts })
    const { paths, logger } = options
    const { machine, health, agents, budgets, startedAt } = this.#parts
    warnOfNewMachine(machine, paths, health, logger)
    warnOfCopy(machine, paths, health, logger, startedAt)
    if (machine.damaged) {
      logger.error({ path: machine.damaged }, 'a damaged file was renamed')
      health.damaged(machine.damaged)
    }
    agents.adopt()
    this.#observed = new Observed({ ...options, ...this.#parts })
    budgets.start()
    warnOfForeignAgents(agents, health, logger)
  }

  get updates() {
    return this.#parts.updates
  }

  get ground() {
    return this.#parts.ground
  }

  start() {
    const { fates, agents, updates, health, upkeep, schedule, worktrees, link, messages } = this.#parts
    fates.start(agents, isUnderWay(this.#options.paths.dir))
    updates.takeUp()
    health.start()
    upkeep.start()
    void worktrees.cleanUp()
    schedule.start()
    link.start(messages)
  }

  /**
   * Returns the content of `fomular-daemon status`. Pings the server to find out whether messages from this
   * daemon reach it.
   */
  async status() {
    const { config, paths } = this.#options
    const { link, fates, agents, machine, health, policy, startedAt } = this.#parts
    const [pong] = await Promise.all([link.ping(), fates.look()])
    const end = fates.told(agents)
    return {
      version: VERSION,
      pid: process.pid,
      machine_id: machine.machine_id,
      started_at: startedAt,
      state_dir: paths.dir,
      server_url: config.server_url,
      link: link.info(),
      /** Round-trip time to the server, in ms; null if the server does not answer. */
      server_hears_ms: pong ?? null,
      ...(policy.file !== undefined && { policy_file: policy.file }),
      /**
       * Number of commands that the policy has refused since the daemon's start, for each key of the policy.
       */
      policy_refused: policy.refused,
      machine: health.status(),
      agents: [...agents].map((agent) => agent.status()),
      ...(end && { agents_end: end }),
      environment: comparedEnvironment(process.env),
    }
  }

  /** Returns the metrics of this daemon. */
  metrics(): Family[] {
    return daemonFamilies({ ...this.#options, ...this.#parts, observed: this.#observed })
  }

  describeAgent(body: unknown) {
    return describeAgent((id) => this.#parts.agents.find(id), body)
  }

  /** Returns the daemon's condition as one line, for its supervisor. */
  condition() {
    return conditionOf(this.#options.config.server_url, this.#parts.link, this.#parts.agents)
  }

  checkMachine() {
    return this.#parts.health.probe()
  }

  /** Waits until all known results have been sent. Does not wait for replies of agents. */
  drainResults(): Promise<void> {
    return this.#shutdown.drainResults()
  }

  /** Prepares for a restart. @see standDown */
  standDown(hurry: AbortSignal, signaled: boolean): Promise<void> {
    return this.#shutdown.standDown(hurry, signaled)
  }

  /**
   * Stops all agents, sends their last activity to the server, and releases all resources.
   * @param hurry shortens the grace periods
   * @param cause `rebooted` if the machine is shutting down; agents then restart after the boot, according to
   * their restart policies
   */
  shutDown(hurry: AbortSignal, cause: 'stopped' | 'rebooted'): Promise<void> {
    return this.#shutdown.shutDown(hurry, cause)
  }

  /** Releases all resources without affecting agents. The next daemon finishes the commands in progress. */
  release() {
    this.#shutdown.release()
  }
}
