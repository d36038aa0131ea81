import type { MachineLimits } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Activity, FromDaemon, Hello } from '../../protocol/index.ts'
import type { AgentRegistry, GreetingOffsets } from '../registry/agent-registry.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Keys } from '../registry/keys.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { Quotas } from '../registry/quotas.ts'
import type { JournalStore } from '../store/files/journal-store.ts'
import { isResult } from './cut-to-limits.ts'
import type { MachineConnection } from './machine-connection.ts'

/** The standard close code "service restart": the client should reconnect. */
const RESTART = 1012
/** Time after which the hub repeats its request for missing activity, in milliseconds. */
const ASK_AGAIN_MS = 5000

/** State of one connection after its greeting. */
interface MachineSession {
  /** Agents to acknowledge in the next message. */
  acks: Set<string>
  /** Agents with missing activity, with the time of the last request for it. */
  asked: Map<string, number>
  /** Agents whose frames the hub refused because the disk queue was full or the machine was at a limit. */
  held: Set<string>
  /**
   * Agents whose journal was restarted. At most once each: a connection has one welcome that can be wrong.
   */
  turned: Set<string>
  /** Limits that the machine was already told it has reached. */
  told: Set<keyof MachineLimits>
}

export interface SwitchboardOptions {
  keys: Keys
  machines: MachineRegistry
  agents: AgentRegistry
  commands: CommandQueue
  store: JournalStore
  quotas: Quotas
  clock: Clock
  logger: Logger
}

/** Handles the messages of daemons. */
export class Switchboard {
  readonly #options: SwitchboardOptions
  readonly #peers = new Set<MachineConnection>()
  readonly #lines = new Map<MachineConnection, MachineSession>()
  /** The current connection of each machine. */
  readonly #present = new Map<string, MachineConnection>()
  /** Connections with agents in `held`. */
  readonly #holding = new Set<MachineConnection>()
  #closing = false
  #lastGone: (() => void) | undefined

  constructor(options: SwitchboardOptions) {
    this.#options = options
  }

  onArrival(peer: MachineConnection) {
    this.#peers.add(peer)
    if (this.#closing) peer.close(1001, 'the hub is stopping')
  }

  async onHello(peer: MachineConnection, hello: Hello): Promise<GreetingOffsets> {
    const { keys, machines, agents, logger } = this.#options
    const denial = keys.admit(peer.key.sha256, hello.machine_id, machines.ids())
    if (denial !== undefined) {
      peer.deny(denial)
      return { offsets: {}, journals: {} }
    }
    const before = this.#present.get(hello.machine_id)
    this.#present.set(hello.machine_id, peer)
    if (before) {
      before.supersede(hello)
      machines.onDisconnected(hello.machine_id, before)
    }
    this.#lines.set(peer, {
      acks: new Set(),
      asked: new Map(),
      held: new Set(),
      turned: new Set(),
      told: new Set(),
    })
    logger.info(
      { machine_id: hello.machine_id, hostname: hello.hostname, version: hello.daemon_version },
      'machine connected',
    )
    return agents.onHello(hello, () => this.#present.get(hello.machine_id) === peer)
  }

  onWelcomed(peer: MachineConnection) {
    const { machines, agents, commands } = this.#options
    // A newer connection may have replaced this one during the greeting.
    if (!peer.hello || this.#present.get(peer.machineId) !== peer) return
    // Only now: the daemon rejects commands that arrive before the welcome.
    machines.onConnected(peer.hello, peer)
    agents.shownAnew(peer.machineId)
    commands.resend(peer.machineId)
  }

  onGone(peer: MachineConnection) {
    this.#peers.delete(peer)
    if (this.#peers.size === 0) this.#lastGone?.()
    this.#leave(peer)
  }

  /** Ends the connection of a machine that was removed. */
  dismiss(machineId: string) {
    const peer = this.#present.get(machineId)
    if (!peer) return
    peer.dismiss()
    this.#leave(peer)
  }

  /** Ends the connections of machines whose keys are no longer accepted. Called when keys have changed. */
  recheck() {
    for (const peer of [...this.#present.values()]) if (peer.lockedOut()) this.#leave(peer)
  }

  #leave(peer: MachineConnection) {
    this.#lines.delete(peer)
    this.#holding.delete(peer)
    const { machineId } = peer
    if (this.#present.get(machineId) !== peer) return
    const { machines, agents, logger } = this.#options
    this.#present.delete(machineId)
    machines.onDisconnected(machineId, peer)
    agents.shownAnew(machineId)
    logger.info({ machine_id: machineId }, 'machine disconnected')
  }

  onMessage(peer: MachineConnection, message: Exclude<FromDaemon, Hello>) {
    if (this.#present.get(peer.machineId) !== peer) return
    const { agents, machines, commands, logger } = this.#options
    const { machineId } = peer
    if (isResult(message)) {
      const problem = commands.onResult(machineId, message)
      if (problem) peer.fault({ code: 'invalid', message: problem, path: 'type', of_type: message.type })
      return
    }
    switch (message.type) {
      case 'agent:activity':
        return this.#activity(peer, message)
      case 'agent:status': {
        const { type: _, ...status } = message
        agents.status(machineId, status)
        return
      }
      case 'machine:status': {
        const { type: _, ...status } = message
        return machines.status(machineId, status)
      }
      case 'agent:removed':
        return agents.onRemoved({ machine_id: machineId, agent_id: message.agent_id })
      case 'daemon:update:progress':
        return commands.progress(machineId, message)
      case 'protocol:error':
        logger.warn({ machine_id: machineId, error: message }, 'the daemon rejected a frame')
        // A command that arrived too early is resent after the welcome.
        if (message.command_id && message.code !== 'unexpected')
          commands.unreadable(machineId, message.command_id, message.message, message.path)
        if (message.of_type === 'server:welcome') void this.#turn(peer, message.path)
        return
      case 'link:ping':
      case 'link:pong':
        return
    }
  }

  /** Acknowledges activity of agents, given by folder name, that has reached the disk. */
  onCommitted(keys: string[]) {
    for (const key of keys) {
      const ref = this.#options.agents.at(key)
      const peer = ref && this.#present.get(ref.machine_id)
      if (peer) this.#acknowledge(peer, ref.agent_id)
    }
    this.makeRoom()
  }

  /** Requests refused activity again if there is room for it now. */
  makeRoom() {
    for (const peer of [...this.#holding]) this.#release(peer)
  }

  /** Makes a machine reconnect, so that a new welcome tells it the offsets of its agents' histories. */
  renew(machineId: string) {
    const peer = this.#present.get(machineId)
    if (!peer) return
    peer.close(RESTART, 'reconnect: an agent has moved')
    this.#leave(peer)
  }

  /** Ends all connections and accepts no new ones. */
  close() {
    this.#closing = true
    for (const peer of this.#peers) peer.close(1001, 'the hub is stopping')
  }

  /** Resolves when the last connection has ended. */
  async drain(): Promise<void> {
    if (this.#peers.size > 0)
      await new Promise<void>((resolve) => {
        this.#lastGone = resolve
      })
  }

  #activity(peer: MachineConnection, activity: Activity) {
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
    const { agents, quotas, store } = this.#options
    const { machineId } = peer
    const agent = agents.begin({ machine_id: machineId, agent_id })
    if (!agent) return this.#refuse(peer, 'agents', agent_id)
    const line = this.#lines.get(peer)
    const beyond = quotas.beyond(machineId)
    if (beyond) this.#refuse(peer, beyond, agent_id)
    const verdict = beyond ? 'full' : store.take(agent.key, machineId, activity, agent.begin)
    switch (verdict) {
      case 'taken':
        line?.asked.delete(agent_id)
        return
      case 'known':
        return this.#acknowledge(peer, agent_id)
      case 'beyond':
        return invalid('to', 'is beyond any journal')
      case 'full':
        line?.held.add(agent_id)
        this.#holding.add(peer)
        return
      case 'gap':
        // Requested again once there is room.
        if (line?.held.has(agent_id)) return
        return this.#askFor(peer, agent_id)
    }
  }

  /** Tells the machine, once per connection, that it has reached a limit: it keeps sending until it knows. */
  #refuse(peer: MachineConnection, limit: keyof MachineLimits, agent_id: string) {
    const told = this.#lines.get(peer)?.told
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

  /** Requests refused activity again where there is room now. */
  #release(peer: MachineConnection) {
    const { quotas, store } = this.#options
    const line = this.#lines.get(peer)
    for (const agentId of quotas.beyond(peer.machineId) ? [] : (line?.held ?? [])) {
      const key = this.#keyOf(peer, agentId)
      if (key !== undefined && !store.hasRoom(key)) continue
      line?.held.delete(agentId)
      line?.asked.delete(agentId)
      if (key !== undefined) this.#askFor(peer, agentId)
    }
    if (!line?.held.size) this.#holding.delete(peer)
  }

  #keyOf(peer: MachineConnection, agent_id: string) {
    return this.#options.agents.keyOf({ machine_id: peer.machineId, agent_id })
  }

  /** Requests the whole journal and appends it to the history here, which is from another journal. */
  async #turn(peer: MachineConnection, path = '') {
    const { store, quotas, logger } = this.#options
    const [, agentId = ''] = /^offsets\.(.+)$/.exec(path) ?? []
    const key = this.#keyOf(peer, agentId)
    const turned = this.#lines.get(peer)?.turned
    if (key === undefined || !turned || turned.has(agentId)) return
    const beyond = quotas.beyond(peer.machineId)
    if (beyond) return this.#refuse(peer, beyond, agentId)
    turned.add(agentId)
    try {
      await store.log(key).turn(0)
    } catch (error) {
      // The machine's next greeting retries it.
      return logger.error(
        { err: error, machine_id: peer.machineId, agent_id: agentId },
        'could not switch to the new journal',
      )
    }
    logger.warn(
      { machine_id: peer.machineId, agent_id: agentId },
      'the machine has another journal: requesting it from its start',
    )
    peer.send({ type: 'agent:resend', agent_id: agentId, from: 0 })
  }

  /** Requests missing activity, but only once for all frames that are already in flight. */
  #askFor(peer: MachineConnection, agentId: string) {
    const { clock, store, logger } = this.#options
    const asked = this.#lines.get(peer)?.asked
    const last = asked?.get(agentId)
    if (last !== undefined && clock.monotonic() - last < ASK_AGAIN_MS) return
    asked?.set(agentId, clock.monotonic())
    const key = this.#keyOf(peer, agentId)
    if (key === undefined) return
    const from = store.log(key).wantedOffset
    logger.warn(
      { machine_id: peer.machineId, agent_id: agentId, from },
      'activity is missing; requesting it again',
    )
    peer.send({ type: 'agent:resend', agent_id: agentId, from })
  }

  #acknowledge(peer: MachineConnection, agentId: string) {
    const line = this.#lines.get(peer)
    if (!line) return
    line.acks.add(agentId)
    if (line.acks.size > 1) return
    setImmediate(() => {
      const offsets = [...line.acks].flatMap((id) => {
        const key = this.#keyOf(peer, id)
        return key === undefined ? [] : [[id, this.#options.store.log(key).ackOffset] as const]
      })
      line.acks.clear()
      peer.answer({ type: 'agent:ack', offsets: Object.fromEntries(offsets) })
    })
  }
}

/**
 * Returns the path of the first offset or index that is out of order, if any. Searches by offset rely on the order.
 */
function disorder({ from, to, events }: Activity): string | undefined {
  if (to < from) return 'to'
  let last = { offset: from, index: -1 }
  for (const [n, event] of events.entries()) {
    if (event.offset >= to || event.offset < last.offset) return `events.${n}.offset`
    if (event.offset === last.offset && event.index <= last.index) return `events.${n}.index`
    last = event
  }
  return undefined
}
