import type { MachineLimits } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Activity } from '../../protocol/index.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { Quotas } from '../registry/quotas.ts'
import { MAX_OFFSET } from '../store/event-id.ts'
import type { Journals } from '../store/journals.ts'
import { disorder } from './activity-order.ts'
import { INTERNAL_ERROR } from './connection-rules.ts'
import type { MachineConnection } from './machine-connection.ts'
import type { Presence } from './presence.ts'

/** Time after which the hub repeats its request for missing activity, in milliseconds. */
const ASK_AGAIN_MS = 5000

/** State of one connection after its greeting. */
interface Session {
  /** Agents whose journals the history continues: the agents in the greeting, and agents that sent activity since. */
  continued: Set<string>
  /** Agents to acknowledge in the next message. */
  acks: Set<string>
  /** Agents with missing activity, with the time of the last request for it. */
  asked: Map<string, number>
  /** Agents whose frames the hub refused because the disk queue was full or the machine was at a limit. */
  held: Set<string>
  /**
   * Agents whose whole journal the hub has requested because the daemon rejected the agent's offset in the
   * welcome. The hub requests it once per connection, because a connection has only one welcome.
   */
  turned: Set<string>
  /** Limits that the machine has reached, and that the hub has already reported to it. */
  told: Set<keyof MachineLimits>
}

export interface ActivityIntakeOptions {
  presence: Presence
  agents: AgentRegistry
  journals: Journals
  quotas: Quotas
  clock: Clock
  logger: Logger
}

/** Takes the activity that machines send: stores it, acknowledges it, and requests missing activity. */
export class ActivityIntake {
  readonly #options: ActivityIntakeOptions
  readonly #sessions = new Map<MachineConnection, Session>()
  /** Connections that have agents in `held`. The hub has refused the activity of these agents. */
  readonly #holding = new Set<MachineConnection>()

  constructor(options: ActivityIntakeOptions) {
    this.#options = options
  }

  /** Starts taking activity from a connection. @param greeted ids of the agents in the machine's greeting */
  begin(peer: MachineConnection, greeted: Iterable<string>) {
    this.#sessions.set(peer, {
      continued: new Set(greeted),
      acks: new Set(),
      asked: new Map(),
      held: new Set(),
      turned: new Set(),
      told: new Set(),
    })
  }

  /** Handles the removal of an agent from its machine. A later agent with the same id has another journal. */
  onRemoved(peer: MachineConnection, agentId: string) {
    this.#sessions.get(peer)?.continued.delete(agentId)
  }

  end(peer: MachineConnection) {
    this.#sessions.delete(peer)
    this.#holding.delete(peer)
  }

  /** Takes a frame with activity. */
  onActivity(peer: MachineConnection, activity: Activity) {
    const invalid = (path: string, problem: string) =>
      peer.fault({
        code: 'invalid',
        of_type: activity.type,
        message: `${activity.type}: ${path} ${problem}`,
        path,
      })
    const wrong = disorder(activity)
    if (wrong) return invalid(wrong, 'is out of order')
    const { agent_id } = activity
    const { agents, journals } = this.#options
    const { machineId } = peer
    const agent = agents.begin({ machine_id: machineId, agent_id })
    if (!agent) return this.#refuse(peer, 'agents', agent_id)
    if (activity.to + journals.stateOf(agent.key).shift > MAX_OFFSET)
      return invalid('to', 'is beyond any journal')
    this.#take(peer, agent, activity).catch((error) => {
      // A frame from one daemon must not crash the hub for all others.
      this.#options.logger.error({ err: error, machine_id: machineId }, 'could not handle a frame')
      peer.close(INTERNAL_ERROR, 'internal error')
    })
  }

  /** Acknowledges all activity of these agents that is durable now. @param keys the agents' keys */
  onCommitted(keys: string[]) {
    const { agents, presence } = this.#options
    for (const key of keys) {
      const ref = agents.at(key)
      const peer = ref && presence.of(ref.machine_id)
      if (peer) this.#acknowledge(peer, ref.agent_id)
    }
    this.makeRoom()
  }

  /** Requests refused activity again if there is room for it now. */
  makeRoom() {
    for (const peer of [...this.#holding]) this.#release(peer)
  }

  /**
   * Requests the whole journal of an agent, because the hub's history of the agent is from another journal.
   * Appends the journal to that history.
   * @param path the part of the welcome that the daemon rejected
   */
  async onRejectedWelcome(peer: MachineConnection, path = ''): Promise<void> {
    const { quotas, logger } = this.#options
    const [, agentId = ''] = /^offsets\.(.+)$/.exec(path) ?? []
    const key = this.#keyOf(peer, agentId)
    const turned = this.#sessions.get(peer)?.turned
    if (key === undefined || !turned || turned.has(agentId)) return
    const beyond = quotas.beyond(peer.machineId)
    if (beyond) return this.#refuse(peer, beyond, agentId)
    turned.add(agentId)
    try {
      await this.#switch(peer, agentId, key)
    } catch (error) {
      // The hub retries the switch at the machine's next greeting.
      logger.error(
        { err: error, machine_id: peer.machineId, agent_id: agentId },
        'could not switch to the new journal',
      )
    }
  }

  async #take(
    peer: MachineConnection,
    { key, begin }: { key: string; begin: number },
    activity: Activity,
  ): Promise<void> {
    const { agent_id } = activity
    const { quotas, journals } = this.#options
    const beyond = quotas.beyond(peer.machineId)
    if (beyond) this.#refuse(peer, beyond, agent_id)
    else if (this.#isAnother(peer, agent_id, key)) return this.#switch(peer, agent_id, key)
    const verdict = beyond ? 'full' : await journals.take(key, peer.machineId, activity, begin)
    // The session is undefined if the connection has ended in the meantime.
    const session = this.#sessions.get(peer)
    switch (verdict) {
      case 'taken':
        session?.asked.delete(agent_id)
        return
      case 'known':
        return this.#acknowledge(peer, agent_id)
      case 'full':
        session?.held.add(agent_id)
        if (session) this.#holding.add(peer)
        return
      case 'gap':
        // The hub requests this activity again once there is room.
        if (session?.held.has(agent_id)) return
        return this.#askFor(peer, agent_id)
    }
  }

  /**
   * Reports whether an agent sends another journal than the journal in its history. The machine has made this
   * agent during the connection, so its journal begins at 0.
   */
  #isAnother(peer: MachineConnection, agentId: string, key: string): boolean {
    const continued = this.#sessions.get(peer)?.continued
    if (!continued || continued.has(agentId)) return false
    continued.add(agentId)
    return this.#options.journals.stateOf(key).wantedOffset > 0
  }

  /**
   * Keeps an agent's history, and requests the machine's journal from its start, to append it to that history.
   * @throws the system error, with nothing changed
   */
  async #switch(peer: MachineConnection, agentId: string, key: string): Promise<void> {
    const { journals, logger } = this.#options
    await journals.turn(key, 0)
    logger.warn(
      { machine_id: peer.machineId, agent_id: agentId },
      'the machine has another journal: requesting it from its start',
    )
    const session = this.#sessions.get(peer)
    session?.held.delete(agentId)
    session?.asked.delete(agentId)
    this.#askFor(peer, agentId)
  }

  /**
   * Reports to the machine, once per connection, that it has reached a limit. Without this report, the
   * machine would keep sending.
   */
  #refuse(peer: MachineConnection, limit: keyof MachineLimits, agent_id: string) {
    const told = this.#sessions.get(peer)?.told
    if (!told || told.has(limit)) return
    told.add(limit)
    const { quotas, logger } = this.#options
    const most = quotas.limit(limit)
    logger.warn({ machine_id: peer.machineId, limit, most, agent_id }, 'the machine has reached its limit')
    peer.send({
      type: 'protocol:error',
      code: 'unexpected',
      of_type: 'agent:activity',
      path: 'agent_id',
      limit,
      message: `${agent_id}: the hub refuses further activity from this machine. Its limit is ${most} (${limit}).`,
    })
  }

  /** Requests refused activity again for agents that have room now. */
  #release(peer: MachineConnection) {
    const { quotas, journals } = this.#options
    const session = this.#sessions.get(peer)
    for (const agentId of quotas.beyond(peer.machineId) ? [] : (session?.held ?? [])) {
      const key = this.#keyOf(peer, agentId)
      if (key !== undefined && !journals.hasRoom(key)) continue
      session?.held.delete(agentId)
      session?.asked.delete(agentId)
      if (key !== undefined) this.#askFor(peer, agentId)
    }
    if (!session?.held.size) this.#holding.delete(peer)
  }

  #keyOf(peer: MachineConnection, agent_id: string) {
    return this.#options.agents.keyOf({ machine_id: peer.machineId, agent_id })
  }

  /** Requests missing activity, but only once for all frames that are already in flight. */
  #askFor(peer: MachineConnection, agentId: string) {
    const { clock, journals, logger } = this.#options
    const asked = this.#sessions.get(peer)?.asked
    const last = asked?.get(agentId)
    if (last !== undefined && clock.monotonic() - last < ASK_AGAIN_MS) return
    asked?.set(agentId, clock.monotonic())
    const key = this.#keyOf(peer, agentId)
    if (key === undefined) return
    const from = journals.stateOf(key).wantedOffset
    logger.warn(
      { machine_id: peer.machineId, agent_id: agentId, from },
      'activity is missing; requesting it again',
    )
    peer.send({ type: 'agent:resend', agent_id: agentId, from })
  }

  #acknowledge(peer: MachineConnection, agentId: string) {
    const session = this.#sessions.get(peer)
    if (!session) return
    session.acks.add(agentId)
    if (session.acks.size > 1) return
    setImmediate(() => {
      const offsets = [...session.acks].flatMap((id) => {
        const key = this.#keyOf(peer, id)
        return key === undefined ? [] : [[id, this.#options.journals.stateOf(key).ackOffset] as const]
      })
      session.acks.clear()
      peer.answer({ type: 'agent:ack', offsets: Object.fromEntries(offsets) })
    })
  }
}
