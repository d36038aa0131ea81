import type { Agent } from '../agents/agent.ts'
import type { Agents } from '../agents/agents.ts'
import type { Logger } from '../platform/log.ts'
import { type Fate, findFate, type Shelter } from '../service/fate.ts'
import type { Health } from './health.ts'

/** From the start to the first look: those who answer are programs, and starting them would hold up the connection. */
const LOOK_MS = 500
/** From a supervisor's signal to agents until the daemon has found out why it was stopped. */
const ASKED_MS = 5000

export interface FatesOptions {
  pid: number
  env: NodeJS.ProcessEnv
  health: Health
  logger: Logger
}

/** What becomes of agents when this daemon ends, as this daemon knows it. */
export class Fates {
  readonly #options: FatesOptions
  #fate: Fate | undefined
  #looking: Promise<Fate | undefined> | undefined
  #first: Promise<Fate | undefined> | undefined
  #said = ''

  constructor(options: FatesOptions) {
    this.#options = options
  }

  /** Looks, tells the server what is wrong, and says in the log what has changed. */
  look(): Promise<Fate | undefined> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    this.#first ??= this.#looking
    return this.#looking
  }

  /** Where new agents are to live, if the daemon's end would reach them beside it. */
  async shelter(): Promise<Shelter | undefined> {
    await (this.#first ?? this.look())
    return this.#fate?.shelter
  }

  /** Those agents that end with the daemon. One that is just being launched is where its launcher is to be. */
  doomed(agents: Iterable<Agent>): Agent[] {
    const fate = this.#fate
    if (!fate) return []
    return [...agents].filter(({ ended, launching, process, run }) =>
      ended || launching.queuedSince !== undefined
        ? false
        : process
          ? fate.ends(process.agent)
          : run.shelter === undefined,
    )
  }

  /**
   * Looks for the first time, a moment later, and says what ended agents together with an earlier daemon.
   * @param back whether those are to come back whatever their restart policies say
   */
  start(agents: Agents, back: boolean) {
    setTimeout(async () => {
      const fate = await this.look()
      if (!fate) return
      const reason = `It ended together with the daemon, as ${fate.by} has it.`
      agents.explain(({ run }) => (run.shelter === undefined ? reason : undefined), back)
    }, LOOK_MS).unref()
  }

  /**
   * The daemon was asked to stop, by a supervisor that asks agents in the same moment, and some were quicker: their end is
   * of the same cause.
   */
  async attribute(agents: Agents, cause: 'stopped' | 'rebooted') {
    const fate = this.#fate ?? (await this.#looking)
    if (fate) for (const agent of this.quicker(agents)) agent.endedBy(cause)
  }

  /** Those agents that a supervisor's signal has ended just now. */
  quicker(agents: Iterable<Agent>): Agent[] {
    return [...agents].filter(({ snapshot: { exit, since }, run }) => {
      const now = Date.now() - Date.parse(since) < ASKED_MS && run.shelter === undefined
      return now && exit?.reason === 'killed' && exit.signal === 'SIGTERM'
    })
  }

  /** For `status`; undefined where agents live on. */
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
    else logger.info('agents live on when the daemon ends')
    return fate
  }
}

const consequence = (shelter: Shelter | undefined) =>
  shelter
    ? ` New agents are started in ${shelter.where}, and live on.`
    : ' At a restart or an update they are stopped and resumed; a crash of the daemon kills them.'
