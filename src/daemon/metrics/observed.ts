import type { Agent } from '../../agents/agent.ts'
import type { AgentPool } from '../../agents/agent-pool.ts'
import type { ServerConnection } from '../../link/server-connection.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { CommandResult, Event } from '../../protocol/index.ts'
import type { Answers } from '../answers.ts'
import { type Counted, counted, FAILURES } from './counted.ts'

export interface ObservedOptions {
  agents: AgentPool
  link: Pick<ServerConnection, 'events'>
  answers: Pick<Answers, 'events'>
  clock: Clock
  logger: Logger
}

/** State of an agent at its last change. */
interface Known {
  run: number
  isReady: boolean
  hasEnded: boolean
  costUsd: number
  /** Open requests, with the monotonic times at which they were read, in ms. */
  asked: Map<string, number>
}

/** Counts what happens on this machine while the daemon runs. */
export class Observed {
  readonly counted: Counted = counted()
  readonly #options: ObservedOptions
  readonly #known = new WeakMap<Agent, Known>()
  #hasFailed = false

  /** @param options the agents must be taken over already: what happened earlier is not counted */
  constructor(options: ObservedOptions) {
    this.#options = options
    const { agents, link, answers } = options
    for (const agent of agents) this.#known.set(agent, seenAt(agent))
    const { connects, disconnects } = this.counted
    link.events.on('up', () => this.#try(() => connects.add({})))
    link.events.on('down', (reason) => this.#try(() => disconnects.add({ reason })))
    answers.events.on('given', (result) => this.#try(() => this.#onAnswer(result)))
    agents.events.on('change', (agent) => this.#try(() => this.#onChange(agent)))
    agents.events.on('event', (event, agent) => this.#try(() => this.#onEvent(event, agent)))
  }

  #onAnswer(result: CommandResult) {
    const command = result.type.replace(/:result$/, '')
    this.counted.commands.add({ command, result: result.ok ? 'ok' : result.error.code })
  }

  #onChange(agent: Agent) {
    const known = this.#knownOf(agent)
    const now = seenAt(agent)
    const { starts, exits, cost, permissionWait } = this.counted
    const { runtime } = agent.record.spec
    const isSameRun = known.run === now.run
    if (now.isReady && !(isSameRun && known.isReady)) starts.add({ runtime, result: 'ready' })
    if (now.hasEnded && !(isSameRun && known.hasEnded)) {
      const { exit, failure } = agent.snapshot
      if (agent.snapshot.state === 'failed') starts.add({ runtime, result: startFailure(failure?.code) })
      else exits.add({ runtime, reason: exit?.reason ?? 'lost' })
    }
    cost.add({}, Math.max(0, now.costUsd - known.costUsd))
    const open = new Set(agent.snapshot.pending.map(({ request_id }) => request_id))
    for (const [id, since] of known.asked)
      if (!open.has(id)) {
        known.asked.delete(id)
        permissionWait.observe((this.#options.clock.monotonic() - since) / 1000)
      }
    this.#known.set(agent, { ...now, asked: known.asked })
  }

  #onEvent(event: Event, agent: Agent) {
    const { runtime } = agent.record.spec
    if (event.kind === 'permission_request') {
      this.counted.permissionRequests.add({ runtime })
      const isListed = agent.snapshot.pending.some(({ request_id }) => request_id === event.request_id)
      if (isListed) this.#knownOf(agent).asked.set(event.request_id, this.#options.clock.monotonic())
    }
    if (event.kind !== 'turn_result' || event.parent_tool_use_id !== undefined) return
    const { outcome, interrupted, is_error, duration_ms, usage, usage_limit } = event
    const word = interrupted ? 'interrupted' : usage_limit ? 'usage_limit' : outcome
    this.counted.turns.add({ runtime, outcome: is_error && word === 'success' ? 'error' : word })
    if (duration_ms !== undefined) this.counted.turnDuration.observe(duration_ms / 1000)
    for (const [type, field] of Object.entries(TOKENS)) {
      const count = usage?.[field]
      if (typeof count === 'number') this.counted.tokens.add({ runtime, type }, count)
    }
  }

  /** For an agent that was not known, returns an agent that was never launched. */
  #knownOf(agent: Agent): Known {
    const known = this.#known.get(agent) ?? { ...NEW, asked: new Map() }
    this.#known.set(agent, known)
    return known
  }

  /** A failed count must not keep activity from the server. */
  #try(count: () => void) {
    try {
      count()
    } catch (err) {
      if (!this.#hasFailed) this.#options.logger.warn({ err }, 'cannot count for the metrics')
      this.#hasFailed = true
    }
  }
}

const NEW = { run: 0, isReady: false, hasEnded: false, costUsd: 0 }

/** Fields of a turn's usage, by the type of tokens. */
const TOKENS = {
  input: 'input_tokens',
  output: 'output_tokens',
  cache_read: 'cache_read_input_tokens',
  cache_creation: 'cache_creation_input_tokens',
} as const

const seenAt = (agent: Agent): Known => ({
  run: agent.run.run,
  isReady: agent.isReady,
  hasEnded: agent.hasRunEnded,
  costUsd: agent.snapshot.total_cost_usd ?? 0,
  asked: new Map(),
})

/** Returns the failure of a start as a label. */
const startFailure = (code: string | undefined) => (FAILURES.includes(code ?? '') ? code! : 'start_failed')
