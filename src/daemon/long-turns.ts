import type { Agent } from '../agents/agent.ts'
import { isInTurn } from '../agents/state/lifecycle.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Policy } from '../policy/schema.ts'
import type { Event } from '../protocol/index.ts'
import { interruptTurn } from './policy-interrupt.ts'

const MINUTE_MS = 60_000
/**
 * Maximum time that counts between two observations of an agent, in ms. Observations are at most 15 s apart.
 * If they are much further apart, the daemon was stopped, usually together with the agent: by the sleep of the
 * machine, a paused container, or a snapshot.
 */
const UNSEEN_MS = MINUTE_MS
/** Maximum number of running tools that are remembered for each agent. */
const TOOLS = 100

export interface LongTurnsOptions {
  agents: Iterable<Agent>
  /** Returns the last policy that could be read. */
  policy(): Policy | undefined
  clock: Clock
  logger: Logger
}

/**
 * Reports turns that take longer than the policy's first limit, and interrupts turns that take longer than
 * its second limit. Only work that a daemon observes counts: the time that an agent spends waiting for a
 * person, time in which the machine sleeps or the daemon does not run, and jumps of the clock do not count.
 */
export class LongTurns {
  readonly #options: LongTurnsOptions
  /** For each agent, the names of the tools that it is using, by the id of each use. */
  readonly #tools = new WeakMap<Agent, Map<string, string>>()
  /** For each agent that worked when it was last observed: the start of its turn, and the time (monotonic ms). */
  readonly #working = new WeakMap<Agent, { turn: string; atMs: number }>()

  constructor(options: LongTurnsOptions) {
    this.#options = options
  }

  onEvent(event: Event, agent: Agent) {
    const tools = this.#tools.get(agent) ?? new Map<string, string>()
    this.#tools.set(agent, tools)
    if (event.kind === 'tool_use' && tools.size < TOOLS) tools.set(event.tool_use_id, event.tool)
    else if (event.kind === 'tool_result') tools.delete(event.tool_use_id)
    else if (event.kind === 'turn_result') tools.clear()
  }

  /** Counts the time since the agent was last observed. Called whenever the agent's status has changed. */
  onChange(agent: Agent) {
    const { state, turn } = agent.snapshot
    const atMs = this.#options.clock.monotonic()
    const before = this.#working.get(agent)
    if (before && before.turn === turn?.since) agent.addWork(Math.min(atMs - before.atMs, UNSEEN_MS))
    if (turn && state === 'working') this.#working.set(agent, { turn: turn.since, atMs })
    else this.#working.delete(agent)
  }

  check() {
    const { agents, policy, logger } = this.#options
    const { report_after_min: report, interrupt_after_min: interrupt } = policy()?.turns ?? {}
    for (const agent of agents) {
      this.onChange(agent)
      const minutes = workedMs(agent) / MINUTE_MS
      this.#report(agent, report !== undefined && minutes >= report ? report : undefined)
      if (interrupt === undefined || minutes < interrupt) continue
      const why = `The machine's policy interrupted the agent's turn after ${interrupt} minutes.`
      const key = 'turns.interrupt_after_min'
      interruptTurn(agent, { rule: 'long-turn', key, why, cancelQueued: false }, logger)
    }
  }

  #report(agent: Agent, minutes: number | undefined) {
    const detail =
      minutes === undefined
        ? undefined
        : `It has worked for more than ${minutes} minutes${this.#toolOf(agent)}.`
    if (agent.longTurn === detail) return
    agent.longTurn = detail
    agent.touch()
  }

  #toolOf(agent: Agent): string {
    const name = [...(this.#tools.get(agent)?.values() ?? [])].at(-1)
    return name === undefined ? '' : `, and is using the tool ${name}`
  }
}

/** Returns how long an agent has worked on its current turn, in ms. */
const workedMs = ({ snapshot: { state, turn } }: Agent) => (isInTurn(state) ? (turn?.worked_ms ?? 0) : 0)
