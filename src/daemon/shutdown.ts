import { withdraw } from '../agents/process/recall.ts'
import type { Parts } from './assemble.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { standDown, stopAll } from './stand-down.ts'

/** Maximum time, in ms, for which a stopping daemon waits until the server has acknowledged all activity. */
const FLUSH_MS = 10_000
const HURRIED_FLUSH_MS = 2000
const FLUSH_STEP_MS = 20

export interface ShutdownOptions extends Pick<DaemonOptions, 'config' | 'clock' | 'logger'> {
  parts: Parts
}

/** Ends a daemon, either permanently or for a restart. */
export class Shutdown {
  readonly #options: ShutdownOptions

  constructor(options: ShutdownOptions) {
    this.#options = options
  }

  /** Prepares for a restart. @see standDown */
  async standDown(hurry: AbortSignal, signaled: boolean): Promise<void> {
    const { config, logger, parts } = this.#options
    const { agents, fates, link, dispatcher, startedAt } = parts
    await standDown({
      agents,
      fates,
      signaled,
      takeNoCommands: () => link.close(),
      whenCommandsIdle: () => dispatcher.whenIdle(HURRIED_FLUSH_MS),
      stop: { commandId: `recall-${startedAt}`, graceS: config.stop_grace_s, hurry },
      logger,
    })
  }

  /** Stops all agents, sends their last activity to the server, and releases all resources. */
  async shutDown(hurry: AbortSignal, cause: 'stopped' | 'rebooted'): Promise<void> {
    const { config, clock, logger, parts } = this.#options
    const { agents, fates, updates, dispatcher, startedAt } = parts
    updates.onStopped()
    dispatcher.drain()
    await agents.settle()
    await fates.attribute(agents, cause)
    if (cause === 'stopped') await stopAll(agents, withdraw, logger)
    const running = [...agents].filter((agent) => !agent.hasEnded)
    if (running.length > 0) logger.info({ agents: running.length }, 'stopping the agents')
    const commandId = `shutdown-${startedAt}-${clock.now()}`
    const options = { commandId, graceS: config.stop_grace_s, hurry, cause }
    await stopAll(running, (agent) => agents.stop(agent, options), logger)
    await this.#flush(hurry)
    await this.#options.parts.traces?.close()
    this.release()
  }

  /** Releases all resources without affecting agents. The next daemon finishes the commands in progress. */
  release() {
    const { dispatcher, updates, schedule, upkeep, health } = this.#options.parts
    const { statuses, link, outbox, agents, commandLog, traces } = this.#options.parts
    dispatcher.drain()
    updates.close()
    schedule.stop()
    upkeep.stop()
    health.stop()
    statuses.flush()
    link.close()
    outbox.close()
    agents.close()
    commandLog.close()
    void traces?.close()
  }

  /**
   * Waits until the results that are already known have been sent, but does not wait for replies of agents.
   */
  async drainResults(): Promise<void> {
    const { dispatcher, link } = this.#options.parts
    await dispatcher.whenIdle(HURRIED_FLUSH_MS)
    await link.ping(HURRIED_FLUSH_MS)
  }

  /**
   * Waits until the server has all activity. The server then also has all earlier statuses, since a
   * connection delivers messages in order.
   */
  async #flush(hurry: AbortSignal) {
    const { clock, parts } = this.#options
    const { agents, feed, link, statuses, dispatcher } = parts
    for (const agent of agents) feed.onGrowth(agent)
    const start = clock.monotonic()
    const patience = () => (hurry.aborted ? HURRIED_FLUSH_MS : FLUSH_MS)
    const isBehind = () => [...agents].some((agent) => agent.backlog > 0)
    while (link.isUp && isBehind() && clock.monotonic() - start < patience())
      await new Promise<void>((resolve) => clock.setTimeout(resolve, FLUSH_STEP_MS))
    statuses.flush()
    await dispatcher.whenIdle(patience())
    await link.ping(patience())
  }
}
