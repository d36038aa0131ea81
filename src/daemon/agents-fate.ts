import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Fate, Shelter } from '../service/fate.ts'
import { findFate } from '../service/find-fate.ts'
import type { Health } from './health.ts'

/**
 * Delay before the first check, in ms. The delay is needed because the check starts programs, which would
 * delay the connection.
 */
const LOOK_MS = 500
/**
 * Maximum time, in ms, until the daemon knows why it is being stopped. This time begins when the supervisor
 * sends the signal that ends the agents.
 */
const ASKED_MS = 5000

export interface AgentsFateOptions {
  pid: number
  env: NodeJS.ProcessEnv
  health: Health
  clock: Clock
  logger: Logger
}

/** Determines what happens to agents when this daemon ends. */
export class AgentsFate {
  readonly #options: AgentsFateOptions
  #fate: Fate | undefined
  #looking: Promise<Fate | undefined> | undefined
  #first: Promise<Fate | undefined> | undefined
  #said = ''

  constructor(options: AgentsFateOptions) {
    this.#options = options
  }

  /**
   * Checks what happens to agents when this daemon ends, reports problems to the server, and logs changes.
   */
  look(): Promise<Fate | undefined> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    this.#first ??= this.#looking
    return this.#looking
  }

  /**
   * Returns a place in which new agents survive the daemon; undefined if agents survive the daemon anyway.
   */
  async shelter(): Promise<Shelter | undefined> {
    await (this.#first ?? this.look())
    return this.#fate?.shelter
  }

  /**
   * Returns the agents that end with the daemon. An agent that is being launched ends with the daemon unless
   * it is launched in a shelter.
   */
  doomed(agents: Iterable<Agent>): Agent[] {
    const fate = this.#fate
    if (!fate) return []
    return [...agents].filter(({ hasEnded, launching, process, run }) =>
      hasEnded || launching.queued !== undefined
        ? false
        : process
          ? fate.ends(process.agent)
          : run.shelter === undefined,
    )
  }

  /**
   * Runs the first check, after a delay, and records why agents ended together with an earlier daemon.
   * @param back true to restart these agents regardless of their restart policies
   */
  start(agents: AgentPool, back: boolean) {
    const look = async () => {
      const fate = await this.look()
      if (!fate) return
      const reason = `It ended together with the daemon: ${fate.by} ends both.`
      agents.explain(({ run }) => (run.shelter === undefined ? reason : undefined), back)
    }
    this.#options.clock.setTimeout(() => void look(), LOOK_MS).unref()
  }

  /**
   * Records the cause for agents that ended before the daemon could stop them. This happens because the
   * supervisor sends the stop signal to the agents and the daemon at the same time.
   */
  async attribute(agents: AgentPool, cause: 'stopped' | 'rebooted') {
    const fate = this.#fate ?? (await this.#looking)
    if (fate) for (const agent of this.quicker(agents)) agent.markEndedBy(cause)
  }

  /** Returns the agents that a supervisor's signal has just ended. */
  quicker(agents: Iterable<Agent>): Agent[] {
    return [...agents].filter(({ snapshot: { exit, since }, run }) => {
      const now = this.#options.clock.now() - Date.parse(since) < ASKED_MS && run.shelter === undefined
      return now && exit?.reason === 'killed' && exit.signal === 'SIGTERM'
    })
  }

  /**
   * Returns data for `status` about agents that end with the daemon; undefined if all agents outlive the
   * daemon.
   */
  told(agents: Iterable<Agent>) {
    if (!this.#fate) return undefined
    const { by, message, remedy, shelter } = this.#fate
    return {
      by,
      message: message + consequence(shelter),
      remedy,
      ...(shelter && { shelter: shelter.where }),
      /** Agents that end with the daemon. */
      agents: this.doomed(agents).map(({ id }) => id),
    }
  }

  async #look(): Promise<Fate | undefined> {
    const { pid, env, health, logger } = this.#options
    const fate = await findFate(pid, env)
    this.#fate = fate
    const message = fate ? fate.message + consequence(fate.shelter) : ''
    if (fate && !fate.shelter)
      health.report('agents_end_with_daemon', { severity: 'warning', message, remedy: fate.remedy })
    else health.clear('agents_end_with_daemon')
    if (message === this.#said) return fate
    this.#said = message
    if (fate?.shelter) logger.info(message)
    else if (fate) logger.warn({ remedy: fate.remedy }, message)
    else logger.info('agents keep running when the daemon ends')
    return fate
  }
}

const consequence = (shelter: Shelter | undefined) =>
  shelter
    ? ` New agents are started in ${shelter.where}, where they keep running when the daemon ends.`
    : ' At a restart or an update, they are stopped and resumed. If the daemon crashes, they are killed.'
