import type { Agent } from '../agents/agent.ts'
import type { Outbox } from '../link/outbox.ts'
import type { Logger } from '../platform/log.ts'
import type { Ack, ProtocolError, Resend, Welcome } from '../protocol/index.ts'

/** Beyond a journal's end no server has more of it than this, in bytes. */
const MOST_AHEAD_BYTES = 2 ** 36

export interface StandingOptions {
  agents: Iterable<Agent> & { find(agentId: string): Agent | undefined }
  outbox: Outbox
  logger: Logger
}

/** Where the server says it stands in the journals: judged, and passed on. */
export class Standing {
  readonly #options: StandingOptions
  /** Removed while the server may still have acknowledged them. */
  readonly #removed = new Set<string>()

  constructor(options: StandingOptions) {
    this.#options = options
  }

  /**
   * The server has welcomed this daemon. A journal that the server has more of than this machine goes on in a new
   * generation.
   * @returns agents of which nothing can be sent, and what is wrong with the welcome, if anything
   */
  welcomed({ offsets, journals }: Welcome): { held: Set<Agent>; wrong: ProtocolError[] } {
    this.#removed.clear()
    const held = new Set<Agent>()
    const problems = new Map<string, string>()
    for (const agent of this.#options.agents) {
      const offset = own(offsets, agent.id) ?? 0
      const problem = this.#meet(agent, offset, journals && { name: own(journals, agent.id) })
      if (problem === undefined) continue
      held.add(agent)
      problems.set(agent.id, problem)
    }
    for (const id of Object.keys(offsets)) if (!this.#options.agents.find(id)) problems.set(id, unknown(id))
    return { held, wrong: faults('server:welcome', problems) }
  }

  /** Takes what makes sense of it. @returns what is wrong with the rest */
  acknowledged({ type, offsets }: Ack): ProtocolError[] {
    const { agents, outbox } = this.#options
    const problems = new Map<string, string>()
    for (const [id, offset] of Object.entries(offsets)) {
      if (this.#removed.has(id)) continue
      const agent = agents.find(id)
      const problem = agent ? misplaced(agent, offset) : unknown(id)
      if (problem !== undefined) problems.set(id, problem)
      else if (agent) outbox.acknowledge(agent, offset)
    }
    return faults(type, problems)
  }

  /** Sends again what was asked for. @returns what is wrong with that, if anything */
  asked({ type, agent_id, from }: Resend): ProtocolError[] {
    const { agents, outbox } = this.#options
    if (this.#removed.has(agent_id)) return []
    const agent = agents.find(agent_id)
    if (!agent) return [invalid(type, 'agent_id', unknown(agent_id))]
    const problem = misplaced(agent, from)
    if (problem !== undefined) return [invalid(type, 'from', `${agent_id}: ${problem}`)]
    outbox.resend(agent, from)
    return []
  }

  /** The link is down. */
  parted() {
    this.#options.outbox.close()
    for (const agent of this.#options.agents) agent.parted()
  }

  removed(agentId: string) {
    this.#removed.add(agentId)
  }

  /** @param known generation of what the server has, where it knows of generations */
  #meet(agent: Agent, offset: number, known: { name: string | undefined } | undefined): string | undefined {
    const { told } = agent.contact
    const foreign = known !== undefined && offset > 0 && !agent.generations.includes(known.name, offset)
    try {
      if (offset > told || foreign) {
        if (offset - told > MOST_AHEAD_BYTES) return `${offset} is too far beyond its end`
        agent.beginGeneration(offset)
        this.#options.logger.warn(
          { agent_id: agent.id, server_has: offset, machine_has: told, journal: agent.generations.current },
          'this machine was set back to an earlier day: the journal goes on behind what the server has',
        )
      } else {
        const problem = misplaced(agent, offset)
        if (problem !== undefined) return problem
      }
      return undefined
    } catch (error) {
      return `the journal cannot go on from ${offset}: ${(error as Error).message}`
    }
  }
}

// An agent may be called `constructor`.
const own = <T>(table: Record<string, T>, key: string) => (Object.hasOwn(table, key) ? table[key] : undefined)

/** Why no server can have an agent's journal up to `offset`, in a clause; undefined where one can. */
function misplaced({ contact, begin, journal }: Agent, offset: number): string | undefined {
  if (offset > contact.told) return `${offset} is beyond the ${contact.told} bytes that were ever sent`
  if (offset > begin && !journal.isLineStart(offset)) return `${offset} is within a line`
  return undefined
}

const unknown = (agentId: string) => `this machine has no agent ${agentId}`

/** A frame with more faults is told of the first of them only. */
const MOST_FAULTS = 1000

const faults = (type: string, problems: ReadonlyMap<string, string>): ProtocolError[] =>
  [...problems]
    .slice(0, MOST_FAULTS)
    .map(([id, problem]) => invalid(type, `offsets.${id}`, `offsets.${id}: ${problem}`))

const invalid = (type: string, path: string, problem: string): ProtocolError => ({
  type: 'protocol:error',
  code: 'invalid',
  message: `${type}: ${problem}.`,
  path,
  of_type: type,
})
