import type { WebSocket } from 'ws'
import type { Logger } from '../platform/log.ts'
import { CloseCode, type Command, type CommandResult, type FromDaemon } from '../protocol/index.ts'
import { ActivityStore } from './activity-store.ts'
import type { Commands } from './commands.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import type { Registry } from './registry.ts'

export interface MachinesOptions {
  activityDir: string
  registry: Registry
  commands: Commands
  logger: Logger
}

/** The machines that are connected, and what comes from them and goes to them. */
export class Machines {
  readonly activity: ActivityStore
  readonly #options: MachinesOptions
  readonly #connections = new Map<string, Connection>()
  readonly #all = new Set<Connection>()

  constructor(options: MachinesOptions) {
    this.#options = options
    this.activity = new ActivityStore(options.activityDir, options.logger, (agentId, offset) => {
      const machineId = options.registry.machineOf(agentId)
      if (machineId !== undefined) this.#connections.get(machineId)?.acknowledge(agentId, offset)
    })
  }

  accept(socket: WebSocket) {
    const { registry, logger, commands } = this.#options
    const handlers: ConnectionOptions = {
      logger,
      greeted: (connection, hello) => {
        const older = this.#connections.get(hello.machine_id)
        this.#connections.set(hello.machine_id, connection)
        older?.refuse(
          'superseded',
          `Another daemon connected as machine ${hello.machine_id} (${hello.hostname}, pid ${hello.pid}).`,
          CloseCode.superseded,
        )
        registry.connected(hello)
        logger.info(
          { machine_id: hello.machine_id, hostname: hello.hostname, agents: hello.agents.length },
          'machine connected',
        )
        return Object.fromEntries(
          hello.agents.map(({ agent_id }) => [agent_id, this.activity.have(agent_id)]),
        )
      },
      live: (connection) => {
        for (const command of commands.pending(connection.machineId!)) connection.send(command)
      },
      activity: (connection, frame) => {
        // One of another machine is not overwritten by whoever names it.
        if (registry.machineOf(frame.agent_id) !== connection.machineId) return { taken: true }
        return this.activity.take(frame, registry.begin(frame.agent_id))
      },
      message: (connection, message) => this.#message(connection.machineId!, message),
      closed: (connection) => {
        this.#all.delete(connection)
        const { machineId } = connection
        if (machineId === undefined || this.#connections.get(machineId) !== connection) return
        this.#connections.delete(machineId)
        registry.disconnected(machineId)
        logger.info({ machine_id: machineId }, 'machine disconnected')
      },
    }
    this.#all.add(new Connection(socket, handlers))
  }

  /** Puts a command on its way: at once, or when the machine is back. */
  async give(machineId: string, command: Command): Promise<void> {
    const isNew = await this.#options.commands.give(machineId, command)
    if (isNew) this.#connections.get(machineId)?.send(command)
  }

  /** Forgets an agent with its history. */
  async removeAgent(agentId: string) {
    this.#options.registry.removeAgent(agentId)
    await this.activity.remove(agentId)
  }

  async close() {
    for (const connection of this.#all) connection.close(1001, 'the hub is stopping')
    await this.activity.close()
  }

  #message(machineId: string, message: FromDaemon) {
    const { registry, logger } = this.#options
    if (isResult(message)) return this.#answered(machineId, message)
    switch (message.type) {
      case 'machine:status': {
        const { type: _, ...status } = message
        return registry.machineStatus(machineId, status)
      }
      case 'agent:status': {
        const { type: _, ...status } = message
        return registry.agentStatus(machineId, status)
      }
      case 'agent:removed':
        if (registry.machineOf(message.agent_id) === machineId) registry.agentGone(message.agent_id)
        return
      case 'protocol:error':
        logger.warn({ machine_id: machineId, error: message }, 'a daemon could not take a frame')
        return
      default:
        return
    }
  }

  #answered(machineId: string, result: CommandResult) {
    const command = this.#options.commands.answer(machineId, result)
    if (command?.type !== 'agent:remove' || !result.ok) return
    this.removeAgent(command.agent_id).catch((error) =>
      this.#options.logger.error({ agent_id: command.agent_id, err: error }, 'history not deleted'),
    )
  }
}

const isResult = (message: FromDaemon): message is CommandResult => message.type.endsWith(':result')
