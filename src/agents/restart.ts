import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Agent } from './agent.ts'
import { CommandFailure } from './command-failure.ts'

const HOUR_MS = 3_600_000
/** Delay before the first restart within an hour, in ms. The delay doubles for each further restart. */
const FIRST_DELAY_MS = 1000
/**
 * Delay between restarts of many agents at once, for example after a reboot, in ms. Starts are spread out
 * because each start needs a core for a moment.
 */
const SPREAD_MS = 250
/** Delay, in ms, before a failed restart is retried. The cause may be a missing runtime or a full disk. */
const RETRY_MS = 60_000

export interface Restart {
  delayMs: number
  /** True if the agent has restarted too often within an hour and must wait. */
  held: boolean
}

/**
 * Returns when and why an ended agent restarts: by its restart policy, or because the daemon itself ended it.
 * Undefined if the agent does not restart.
 */
export function nextRestart({ record, snapshot, run }: Agent, now: number): Restart | undefined {
  const { restart } = record.spec
  const { exit } = snapshot
  if (run.recall && exit && !run.stay_ended) return { delayMs: 0, held: false }
  if (!restart || restart.policy === 'never' || !exit || run.stay_ended) return undefined
  const lost = exit.reason === 'lost' || exit.reason === 'rebooted' || exit.reason === 'killed'
  if (!lost && !(restart.policy === 'on-failure' && exit.reason === 'crashed')) return undefined
  // If the clock was set back, a recorded time can be in the future. Count it as now, so that an agent never
  // waits for more than an hour.
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
  /** Called with all agents whose restart is delayed because they have ended too often. */
  onCrashLoops(agents: Agent[]): void
}

/** Restarts ended agents after a delay, according to their restart policies. */
export class Restarts {
  readonly #options: RestartsOptions
  readonly #timers = new Map<Agent, Timer>()
  readonly #looping = new Set<Agent>()
  #closed = false

  constructor(options: RestartsOptions) {
    this.#options = options
  }

  onEnded(agent: Agent) {
    const restart = nextRestart(agent, this.#options.clock.now())
    if (!restart || this.#closed) return
    const before = [...this.#timers.keys()].filter(({ returning }) => returning).length
    this.#in(restart.delayMs + before * SPREAD_MS, agent, restart.held)
    if (!restart.held) return
    this.#looping.add(agent)
    this.#options.onCrashLoops([...this.#looping])
  }

  /** Cancels a restart, because the agent is being started, or must not be restarted. */
  cancel(agent: Agent) {
    const { clock, onCrashLoops } = this.#options
    const timer = this.#timers.get(agent)
    if (timer) clock.clearTimeout(timer)
    this.#timers.delete(agent)
    agent.heldUntil = undefined
    agent.returning = false
    if (this.#looping.delete(agent)) onCrashLoops([...this.#looping])
  }

  /** Decides again whether the agent restarts, because conditions have changed since it ended. */
  again(agent: Agent) {
    this.cancel(agent)
    this.onEnded(agent)
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
        if (this.#closed || !agent.hasEnded || agent.run.stay_ended) return
        logger.warn({ agent_id: agent.id, err: error }, 'cannot resume the agent; will retry')
        agent.markNotResumed(error instanceof CommandFailure ? error.code : 'internal', error.message)
        this.#in(RETRY_MS, agent, true)
      })
    }, ms)
    this.#timers.set(agent, timer)
  }
}
