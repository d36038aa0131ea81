import type { Agent } from '../agents/agent.ts'
import type { CopyEnd } from '../agents/disk/generations.ts'
import type { Outbox } from '../link/outbox.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import { isDiskFull, shortageIn } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import type { Ack, ProtocolError, Resend, Welcome } from '../protocol/index.ts'

/** Maximum distance of a plausible server offset beyond a journal's end, in bytes. */
const MOST_AHEAD_BYTES = 2 ** 36

/**
 * Time in which a server can request a valid offset after it sent an invalid offset, in ms. Also the time
 * between two attempts to continue a journal during a shortage.
 */
const PATIENCE_MS = 30_000
/**
 * The disk is full, or no file descriptors are free. The server's offset is then not at fault: if the server
 * got an error for it, it would request the whole journal.
 */
const SHORTAGE = Symbol('shortage')
type Obstacle = string | typeof SHORTAGE

export interface ServerOffsetsOptions {
  agents: Iterable<Agent> & { find(agentId: string): Agent | undefined }
  outbox: Outbox
  clock: Clock
  logger: Logger
}

/**
 * Checks the offsets that the server sends for its copies of the journals, and passes valid offsets to the
 * outbox.
 */
export class ServerOffsets {
  readonly #options: ServerOffsetsOptions
  /**
   * Ids of agents removed since the last connection ended. The server may still send offsets for these
   * agents.
   */
  readonly #removed = new Set<string>()
  /**
   * Agents whose activity is not sent, because their offset was invalid, or because of a shortage. The timer
   * of each agent ends the wait.
   */
  readonly #held = new Map<Agent, Timer>()

  constructor(options: ServerOffsetsOptions) {
    this.#options = options
  }

  /**
   * Continues sending each journal from its offset in the welcome. If the server has more bytes of a journal
   * than this machine, the journal continues in a new generation.
   * @returns errors for the invalid offsets of the welcome
   */
  onWelcome({ offsets, journals }: Welcome): ProtocolError[] {
    const { agents, outbox } = this.#options
    const problems = new Map<string, string>()
    for (const agent of agents) {
      const copy = { offset: own(offsets, agent.id) ?? 0, journal: journals && own(journals, agent.id) }
      const obstacle = this.#meet(agent, copy, journals !== undefined)
      if (obstacle === undefined) continue
      this.#hold(agent, copy)
      if (obstacle !== SHORTAGE) problems.set(agent.id, obstacle)
    }
    for (const id of Object.keys(offsets))
      if (!agents.find(id) && !this.#removed.has(id)) problems.set(id, unknown(id))
    outbox.open(agents, offsets, new Set(this.#held.keys()))
    return faults('server:welcome', problems)
  }

  /** Handles the valid offsets. @returns errors for the invalid offsets */
  onAck({ type, offsets }: Ack): ProtocolError[] {
    const { agents, outbox, logger } = this.#options
    const problems = new Map<string, string>()
    for (const [id, offset] of Object.entries(offsets)) {
      const agent = agents.find(id)
      if (!agent && this.#removed.has(id)) continue
      const problem = agent ? misplaced(agent, offset) : unknown(id)
      if (problem !== undefined) problems.set(id, problem)
      else if (agent) {
        logger.debug({ agent_id: id, offset }, 'activity acknowledged')
        outbox.acknowledge(agent, offset)
      }
    }
    return faults(type, problems)
  }

  /** Resends the activity that the server requests. @returns an error if the request is invalid */
  onResend({ type, agent_id, from }: Resend): ProtocolError[] {
    const { agents, outbox } = this.#options
    const agent = agents.find(agent_id)
    if (!agent && this.#removed.has(agent_id)) return []
    if (!agent) return [invalid(type, 'agent_id', unknown(agent_id))]
    const problem = misplaced(agent, from)
    if (problem !== undefined) return [invalid(type, 'from', `${agent_id}: ${problem}`)]
    this.#release(agent)
    outbox.resend(agent, from)
    return []
  }

  /** Handles the end of the connection. */
  onDisconnected() {
    this.#options.outbox.close()
    for (const agent of this.#options.agents) agent.onDisconnected()
    for (const agent of this.#held.keys()) this.#release(agent)
    this.#removed.clear()
  }

  onRemoved(agent: Agent) {
    this.#removed.add(agent.id)
    this.#release(agent)
    this.#options.outbox.drop(agent)
  }

  #release(agent: Agent) {
    const timer = this.#held.get(agent)
    if (timer) this.#options.clock.clearTimeout(timer)
    this.#held.delete(agent)
  }

  #hold(agent: Agent, copy: CopyEnd) {
    const { clock } = this.#options
    this.#held.set(
      agent,
      clock.setTimeout(() => this.#goOn(agent, copy), PATIENCE_MS),
    )
  }

  /** Begins a new generation, because the server has not requested a valid offset, or after a shortage. */
  #goOn(agent: Agent, copy: CopyEnd) {
    this.#release(agent)
    const obstacle = this.#begin(agent, copy)
    if (obstacle === undefined) this.#options.outbox.resend(agent, copy.offset)
    else if (obstacle === SHORTAGE) this.#hold(agent, copy)
  }

  /** @param isNamed true if the server reports generations */
  #meet(agent: Agent, copy: CopyEnd, isNamed: boolean): Obstacle | undefined {
    const { offset, journal } = copy
    const { generations, contact } = agent
    const differs = isNamed && offset > 0 && !generations.includes(journal, offset)
    if (differs && generations.isForeign(journal)) contact.rewind(agent.begin)
    return offset > contact.told || differs ? this.#begin(agent, copy) : misplaced(agent, offset)
  }

  /** @returns the reason why the journal cannot continue at `offset`, or `SHORTAGE`; undefined if it can */
  #begin(agent: Agent, copy: CopyEnd): Obstacle | undefined {
    const { told } = agent.contact
    const { offset } = copy
    if (offset - told > MOST_AHEAD_BYTES) return `${offset} is too far beyond the end of the journal`
    try {
      // If this daemon is killed during the move, the next daemon must know the journal's present end.
      agent.save()
      agent.beginGeneration(copy)
    } catch (error) {
      if (isDiskFull(error) || shortageIn(error)) {
        this.#options.logger.warn(
          { agent_id: agent.id, err: error },
          'cannot continue the journal; will retry',
        )
        return SHORTAGE
      }
      return `the journal cannot continue from ${offset}: ${(error as Error).message}`
    }
    this.#options.logger.warn(
      { agent_id: agent.id, server_has: offset, machine_has: told, journal: agent.generations.current },
      'the server has more of this journal than this machine, or a different journal; the journal continues after the end of the copy on the server',
    )
    return undefined
  }
}

// Read only own properties, because an agent's id may be `constructor`.
const own = <T>(table: Record<string, T>, key: string) => (Object.hasOwn(table, key) ? table[key] : undefined)

/**
 * Returns a clause that explains why no server can have an agent's journal up to `offset`; undefined if a
 * server can have it.
 */
function misplaced({ contact, begin, sent, journal }: Agent, offset: number): string | undefined {
  if (offset > contact.told) return `${offset} is beyond the ${contact.told} bytes that were ever sent`
  // The last frame ended at the end of a line. Most acknowledgments are for the last frame.
  if (offset === sent) return undefined
  if (offset > begin && !journal.isLineStart(offset)) return `${offset} is within a line`
  return undefined
}

const unknown = (agentId: string) => `this machine has no agent ${agentId}`

/** Maximum number of errors that are reported about one frame. */
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
