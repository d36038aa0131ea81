import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import { lackOf } from './process/cgroup/out-of-memory.ts'
import { sweepProcesses } from './process/end.ts'
import { stayEnded } from './process/recall.ts'
import { nextRestart, Restarts } from './restart.ts'
import { UnseenEnds } from './unseen-ends.ts'

export interface EndingsOptions {
  clock: Clock
  logger: Logger
  /** Restarts an agent that has ended, according to its restart policy. */
  resume(agent: Agent): Promise<void>
  /** Called with all agents whose restart is delayed because they have ended too often. */
  onCrashLoops(agents: Agent[]): void
}

/** Handles the ends of agents: ends leftover processes, explains the end, and restarts the agent. */
export class Endings {
  readonly #options: EndingsOptions
  readonly #restarts: Restarts
  readonly #unseen: UnseenEnds
  readonly #sweeps = new Map<Agent, Promise<unknown>>()
  /** Agents for which the end of the last run was handled. */
  readonly #handled = new WeakSet<Agent>()
  #closed = false

  constructor(options: EndingsOptions) {
    this.#options = options
    this.#restarts = new Restarts(options)
    this.#unseen = new UnseenEnds({ ...options, restarts: this.#restarts })
  }

  /** If the agent's run has ended, handles its end. */
  onChange(agent: Agent) {
    if (!agent.hasRunEnded) {
      this.#handled.delete(agent)
      return
    }
    if (this.#handled.has(agent)) return
    this.#handled.add(agent)
    const { run, exit, failure } = agent.snapshot
    this.#options.logger.info({ agent_id: agent.id, run, ...exit, ...failure }, 'agent ended')
    this.onEnded(agent)
    this.#unseen.onEnded(agent)
  }

  /**
   * Ends the leftover processes of an agent that has ended, and schedules a restart if the agent's policy
   * requires it.
   */
  onEnded(agent: Agent) {
    if (this.#closed || this.#sweeps.has(agent)) return
    const { logger } = this.#options
    // Read the cause from the control group now, because the sweep deletes the group.
    const lack = agent.snapshot.exit?.reason === 'killed' ? lackOf(agent) : undefined
    if (lack !== undefined) agent.explain(lack)
    const sweeping = sweepProcesses(agent)
      .then((count) => {
        if (count > 0) logger.info({ agent_id: agent.id, count }, "ended the agent's leftover processes")
      })
      .catch((err) => logger.warn({ agent_id: agent.id, err }, "cannot end the agent's leftover processes"))
      .finally(() => this.#sweeps.delete(agent))
    this.#sweeps.set(agent, sweeping)
    this.#restarts.onEnded(agent)
  }

  /**
   * Resolves when the current sweep of the agent's leftover processes is done; undefined if there is no
   * sweep.
   */
  swept(agent: Agent): Promise<unknown> | undefined {
    return this.#sweeps.get(agent)
  }

  /**
   * Records that the agent may end, or has ended, for a reason that is not yet known. A later call of
   * `explain` gives the reason.
   */
  expect(agent: Agent) {
    this.#unseen.add(agent)
  }

  /** @see UnseenEnds.explain */
  explain(why: (agent: Agent) => string | undefined, back: boolean) {
    this.#unseen.explain(why, back)
  }

  /** Cancels a restart, because the agent is being started or removed. */
  cancelRestart(agent: Agent) {
    this.#restarts.cancel(agent)
  }

  /** Keeps an agent from starting again, because it is being stopped. @throws the system error */
  keepEnded(agent: Agent) {
    if (nextRestart(agent, this.#options.clock.now())) stayEnded(agent)
  }

  forget(agent: Agent) {
    this.#restarts.cancel(agent)
    this.#unseen.forget(agent)
  }

  /** Stops automatic restarts. */
  stopRestarts() {
    this.#restarts.close()
  }

  close() {
    this.#closed = true
    this.#restarts.close()
  }
}
