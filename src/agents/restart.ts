import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import { CommandFailure } from './failure.ts'

const HOUR_MS = 3_600_000
/** Before the first restart within an hour; each further one waits twice as long. */
const FIRST_DELAY_MS = 1000
/** Between those of many that come back at once, as after a reboot: each needs a core for a moment to start. */
const SPREAD_MS = 250
/** Between tries when the machine does not let the agent be started: a runtime that is missing, a full disk. */
const RETRY_MS = 60_000

export interface Restart {
  delayMs: number
  /** It has restarted too often: held back until the hour allows it again. */
  held: boolean
}

/** Whether and when the agent is to come back, now that it has ended: by its restart policy, or because a daemon ended it. */
export function nextRestart({ record, snapshot, run }: Agent, now: number): Restart | undefined {
  const { restart } = record.spec
  const { exit } = snapshot
  if (run.recall && exit && !run.stay_ended) return { delayMs: 0, held: false }
  if (!restart || restart.policy === 'never' || !exit || run.stay_ended) return undefined
  const lost = exit.reason === 'lost' || exit.reason === 'rebooted' || exit.reason === 'killed'
  if (!lost && !(restart.policy === 'on-failure' && exit.reason === 'crashed')) return undefined
  // A clock that was set back must not hold an agent for longer than the hour.
  const recent = run.restarts
    .map((time) => Math.min(Date.parse(time), now))
    .filter((time) => now - time < HOUR_MS)
  if (recent.length >= restart.max_per_hour) return { delayMs: recent[0]! + HOUR_MS - now, held: true }
  return { delayMs: FIRST_DELAY_MS * 2 ** recent.length, held: false }
}

export interface RestartsOptions {
  clock: Clock
  logger: Logger
  resume(agent: Agent): Promise<void>
  /** These agents, and no others, have ended so often that they are held back. */
  crashLoops(agents: Agent[]): void
}

/** Agents that have ended, and that their restart policy has back after a while. */
export class Restarts {
  readonly #options: RestartsOptions
  readonly #timers = new Map<Agent, Timer>()
  readonly #looping = new Set<Agent>()
  #closed = false

  constructor(options: RestartsOptions) {
    this.#options = options
  }

  ended(agent: Agent) {
    const restart = nextRestart(agent, this.#options.clock.now())
    if (!restart || this.#closed) return
    const before = [...this.#timers.keys()].filter(({ returning }) => returning).length
    this.#in(restart.delayMs + before * SPREAD_MS, agent, restart.held)
    if (!restart.held) return
    this.#looping.add(agent)
    this.#options.crashLoops([...this.#looping])
  }

  /** The agent is being started, or is not to be. */
  cancel(agent: Agent) {
    const { clock, crashLoops } = this.#options
    const timer = this.#timers.get(agent)
    if (timer) clock.clearTimeout(timer)
    this.#timers.delete(agent)
    agent.heldUntil = undefined
    agent.returning = false
    if (this.#looping.delete(agent)) crashLoops([...this.#looping])
  }

  /** What is to become of the agent has changed since it ended. */
  again(agent: Agent) {
    this.cancel(agent)
    this.ended(agent)
  }

  close() {
    this.#closed = true
    for (const timer of this.#timers.values()) this.#options.clock.clearTimeout(timer)
    this.#timers.clear()
  }

  #in(ms: number, agent: Agent, held: boolean) {
    const { clock, logger, resume } = this.#options
    agent.heldUntil = held ? clock.now() + ms : undefined
    agent.returning = !held
    if (held) agent.touch()
    const timer = clock.setTimeout(() => {
      resume(agent).catch((error: Error) => {
        if (this.#closed || !agent.ended || agent.run.stay_ended) return
        logger.warn({ agent_id: agent.id, err: error }, 'agent not resumed; trying again')
        agent.notResumed(error instanceof CommandFailure ? error.error.code : 'internal', error.message)
        this.#in(RETRY_MS, agent, true)
      })
    }, ms)
    this.#timers.set(agent, timer)
  }
}
