import type { Agent } from '../agents/agent.ts'
import { uuidFrom } from '../agents/events/ids.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Policy } from '../policy/schema.ts'
import type { Event } from '../protocol/index.ts'

const MINUTE_MS = 60_000
/** Maximum number of running tools that are remembered for each agent. */
const TOOLS = 100

export interface LongTurnsOptions {
  agents: Iterable<Agent>
  inForce(): Policy | undefined
  clock: Clock
  logger: Logger
}

/**
 * Reports turns that take longer than the policy's first limit, and interrupts turns that take longer than
 * its second limit. Time in which an agent waits for a person does not count.
 */
export class LongTurns {
  readonly #options: LongTurnsOptions
  /** Names of the tools that each agent is using, by the ids of their uses. */
  readonly #tools = new WeakMap<Agent, Map<string, string>>()

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

  check() {
    const { agents, inForce, clock } = this.#options
    const { report_after_min: report, interrupt_after_min: interrupt } = inForce()?.turns ?? {}
    for (const agent of agents) {
      const isWorking = !agent.hasEnded && agent.snapshot.state === 'working'
      const minutes = isWorking ? (clock.now() - Date.parse(agent.snapshot.since)) / MINUTE_MS : 0
      this.#report(agent, report !== undefined && minutes >= report ? report : undefined)
      if (interrupt !== undefined && minutes >= interrupt) this.#tryToInterrupt(agent, interrupt)
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

  #tryToInterrupt(agent: Agent, minutes: number) {
    try {
      this.#interrupt(agent, minutes)
    } catch (err) {
      // The disk may be full. The next check tries again.
      this.#options.logger.error({ agent_id: agent.id, err }, 'cannot interrupt the turn')
    }
  }

  /** Interrupts a turn only once, even if the daemon restarts in the meantime. */
  #interrupt(agent: Agent, minutes: number) {
    const { id, snapshot, inbox, runtime } = agent
    const input = uuidFrom('long-turn', id, agent.run.run, snapshot.since)
    if (inbox.hasAccepted(input)) return
    this.#options.logger.warn({ agent_id: id, minutes }, 'interrupting a turn that takes too long')
    inbox.put(runtime.interrupt(input, { cancelQueued: false }, snapshot.conversation))
    agent.explainInterrupt(`The machine's policy interrupted its turn after ${minutes} minutes.`)
  }
}
