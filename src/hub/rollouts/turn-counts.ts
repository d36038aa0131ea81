import type { Clock } from '../../platform/clock.ts'
import type { AgentStatus, Turns } from '../../protocol/index.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { Change, ChangeFeed } from '../registry/change-feed.ts'

/** Maximum number of turns that are remembered for each machine, newest first. */
const MOST = 500
/** Time for which a turn is remembered, in milliseconds. */
const KEPT_MS = 24 * 3_600_000
/** States of an agent in which a turn may be running. */
const IN_TURN = ['working', 'waiting']
const ENDED = ['exited', 'failed']
/** Reasons for the end of a process that nobody asked for. */
const CRASHES = ['crashed', 'killed', 'lost']

type Seen = Pick<AgentStatus, 'state' | 'since'>

interface Turn {
  at: number
  failed: boolean
}

export interface TurnCountsOptions {
  agents: Pick<AgentRegistry, 'viewAt'>
  feed: ChangeFeed
  clock: Clock
}

/**
 * Counts the turns of agents that end while the hub runs, and those that fail, from the statuses of the agents.
 * If several turns end between two statuses of an agent, they count as one.
 */
export class TurnCounts {
  readonly #options: TurnCountsOptions
  readonly #seen = new Map<string, Seen>()
  readonly #turns = new Map<string, Turn[]>()

  constructor(options: TurnCountsOptions) {
    this.#options = options
    options.feed.subscribe((change) => this.#onChange(change))
  }

  /** Counts the turns of a machine from one time until another, in milliseconds since 1970. */
  of(machineId: string, fromMs: number, toMs: number): Turns {
    const found = (this.#turns.get(machineId) ?? []).filter(({ at }) => at >= fromMs && at < toMs)
    return { ended: found.length, failed: found.filter(({ failed }) => failed).length }
  }

  #onChange(change: Change) {
    if (change.kind === 'agent_removed') this.#seen.delete(change.key)
    if (change.kind === 'machine_removed') this.#turns.delete(change.machine_id)
    if (change.kind !== 'agent') return
    const agent = this.#options.agents.viewAt(change.key)
    if (!agent || agent.gone) return
    const before = this.#seen.get(change.key)
    this.#seen.set(change.key, { state: agent.state, since: agent.since })
    const failed = before && endOf(before, agent)
    if (failed !== undefined) this.#add(agent.machine_id, { at: this.#options.clock.now(), failed })
  }

  #add(machineId: string, turn: Turn) {
    const kept = (this.#turns.get(machineId) ?? []).filter(({ at }) => at > turn.at - KEPT_MS)
    this.#turns.set(machineId, [...kept, turn].slice(-MOST))
  }
}

/** Reports whether a turn that ended between two statuses has failed; undefined if none ended. */
function endOf(before: Seen, { state, since, turn_failed, limited, exit, failure }: AgentStatus) {
  if (before.since === since && before.state === state) return undefined
  if (ENDED.includes(state)) {
    const isCrash =
      CRASHES.includes(exit?.reason ?? '') || (failure !== undefined && failure.code !== 'policy')
    return isCrash && !ENDED.includes(before.state) ? true : undefined
  }
  // An agent that is idle since another time has had a turn in the meantime.
  const hasEnded = state === 'idle' && [...IN_TURN, 'idle'].includes(before.state)
  // A usage limit is a fact about the account.
  return hasEnded ? turn_failed !== undefined && limited === undefined : undefined
}
