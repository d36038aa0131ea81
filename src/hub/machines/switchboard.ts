import type { Logger } from '../../platform/log.ts'
import type { FromDaemon, Hello } from '../../protocol/index.ts'
import type { AgentRegistry, GreetingOffsets } from '../registry/agent-registry.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Keys } from '../registry/keys.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { Readings } from '../registry/readings.ts'
import type { ActivityIntake } from './activity-intake.ts'
import { isResult } from './cut-to-limits.ts'
import type { MachineConnection } from './machine-connection.ts'
import type { Presence } from './presence.ts'

/** The standard close code "service restart": the client should reconnect. */
const RESTART = 1012
export interface SwitchboardOptions {
  keys: Keys
  machines: MachineRegistry
  agents: AgentRegistry
  commands: CommandQueue
  readings: Readings
  presence: Presence
  intake: ActivityIntake
  logger: Logger
}

/** Handles the connections of machines and routes their messages. */
export class Switchboard {
  readonly #options: SwitchboardOptions
  readonly #peers = new Set<MachineConnection>()
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
    const { keys, machines, agents, presence, intake, readings, logger } = this.#options
    const denial = await keys.admit(peer.key.sha256, hello.machine_id, machines.ids())
    if (denial !== undefined) {
      peer.deny(denial)
      return { offsets: {}, journals: {} }
    }
    // The connection may have ended while its key was checked.
    if (!this.#peers.has(peer)) return { offsets: {}, journals: {} }
    const before = presence.enter(hello.machine_id, peer)
    if (before) {
      before.supersede(hello)
      machines.onDisconnected(hello.machine_id, before)
      readings.onDisconnected(hello.machine_id)
    }
    intake.begin(
      peer,
      hello.agents.map(({ agent_id }) => agent_id),
    )
    logger.info(
      { machine_id: hello.machine_id, hostname: hello.hostname, version: hello.daemon_version },
      'machine connected',
    )
    return agents.onHello(hello, () => presence.has(peer))
  }

  onWelcomed(peer: MachineConnection) {
    const { machines, agents, commands, presence } = this.#options
    // A newer connection may have replaced this one during the greeting.
    if (!peer.hello || !presence.has(peer)) return
    // Send commands only now, because the daemon rejects commands that arrive before the welcome.
    machines.onConnected(peer.hello, peer)
    agents.publishAll(peer.machineId)
    commands.resend(peer.machineId, updateIn(peer.hello))
  }

  onGone(peer: MachineConnection) {
    this.#peers.delete(peer)
    if (this.#peers.size === 0) this.#lastGone?.()
    this.#leave(peer)
  }

  /** Ends the connection of a machine that was removed. */
  dismiss(machineId: string) {
    const peer = this.#options.presence.of(machineId)
    if (!peer) return
    peer.dismiss()
    this.#leave(peer)
  }

  /** Ends the connections of machines whose keys are no longer accepted. Called when keys have changed. */
  async recheck(): Promise<void> {
    await Promise.all(
      this.#options.presence.all().map(async (peer) => {
        if (await peer.lockOutIfRevoked()) this.#leave(peer)
      }),
    )
  }

  #leave(peer: MachineConnection) {
    const { presence, intake, machines, agents, readings, logger } = this.#options
    intake.end(peer)
    if (!presence.leave(peer)) return
    const { machineId } = peer
    readings.onDisconnected(machineId)
    machines.onDisconnected(machineId, peer)
    agents.publishAll(machineId)
    logger.info({ machine_id: machineId }, 'machine disconnected')
  }

  onMessage(peer: MachineConnection, message: Exclude<FromDaemon, Hello>) {
    const { presence, intake, agents, machines, commands, readings, logger } = this.#options
    if (!presence.has(peer)) return
    const { machineId } = peer
    if (isResult(message)) {
      if (readings.onResult(machineId, message)) return
      const problem = commands.onResult(machineId, message)
      if (problem) peer.fault({ code: 'invalid', message: problem, path: 'type', of_type: message.type })
      return
    }
    switch (message.type) {
      case 'agent:activity':
        return intake.onActivity(peer, message)
      case 'agent:status': {
        const { type: _, ...status } = message
        agents.onStatus(machineId, status)
        return
      }
      case 'machine:status': {
        const { type: _, ...status } = message
        return machines.onStatus(machineId, status)
      }
      case 'agent:removed':
        intake.onRemoved(peer, message.agent_id)
        return agents.onRemoved({ machine_id: machineId, agent_id: message.agent_id })
      case 'daemon:update:progress':
        return commands.onProgress(machineId, message)
      case 'protocol:error':
        logger.warn({ machine_id: machineId, error: message }, 'the daemon rejected a frame')
        // A command that arrived too early is resent after the welcome.
        if (message.command_id && message.code !== 'unexpected') {
          commands.onUnreadable(machineId, message.command_id, message.message, message.path)
          readings.onUnreadable(machineId, message.command_id, message.message)
        }
        if (message.of_type === 'server:welcome') void intake.onRejectedWelcome(peer, message.path)
        return
      case 'link:ping':
      case 'link:pong':
        return
    }
  }

  /**
   * Makes a machine reconnect, so that the machine gets the offsets of its agents' histories in a new
   * welcome.
   */
  renew(machineId: string) {
    const peer = this.#options.presence.of(machineId)
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
}

/** Returns the id of the last update that a machine has begun. */
function updateIn({ machine }: Hello): string | undefined {
  const { command_id } = (machine.update ?? {}) as { command_id?: unknown }
  return typeof command_id === 'string' ? command_id : undefined
}
