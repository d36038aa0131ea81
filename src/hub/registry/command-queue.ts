import type { CommandMemory } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import { Emitter } from '../../platform/emitter.ts'
import type { Logger } from '../../platform/log.ts'
import {
  type Command,
  type CommandError,
  type CommandResult,
  hasSecrets,
  type Outcome,
  Commands as Schemas,
  type UpdateProgress,
} from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { CommandStore } from '../store/commands.ts'
import { StoreUnavailableError } from '../store/store-unavailable.ts'
import { sendableBytes } from './command-size.ts'
import type { ConnectedMachine, MachineRegistry } from './machine-registry.ts'
import { type CommandEntry, RememberedCommands } from './remembered-commands.ts'
import { isUnsent, REVOKED, WITHDRAWN } from './unsent.ts'
import { lacking, unsupported } from './unsupported.ts'
import { unwritable } from './unwritable.ts'
import type { UserKeys } from './user-keys.ts'

export interface CommandQueueOptions {
  store: CommandStore
  machines: Pick<MachineRegistry, 'link'>
  people: Pick<UserKeys, 'isGone'>
  /** `refusalOf` returns the reason for which a command must not be sent. */
  blocked?: { refusalOf(command: Command): CommandError | undefined }
  /** Limits on the outcomes kept for repeated requests. */
  memory: CommandMemory
  clock: Clock
  logger: Logger
}

interface CommandEvents {
  /** A command has succeeded; its outcome is not published yet. */
  succeeded: [outcome: Outcome, type: string]
  /** A command has finished. */
  settled: [outcome: Outcome, type: string]
}

/**
 * The commands for machines, and their outcomes. Commands are stored, and are sent until they are answered.
 */
export class CommandQueue {
  readonly events = new Emitter<CommandEvents>()
  readonly #options: CommandQueueOptions
  readonly #known: RememberedCommands
  /** True if the last outcome could not be stored. */
  #failing = false

  constructor(options: CommandQueueOptions) {
    this.#options = options
    this.#known = new RememberedCommands(options)
  }

  /** Reads all commands, and resolves when the secrets of answered commands are erased. Called once. */
  async load(): Promise<void> {
    await this.#options.store.load({
      visit: (line) => this.#known.restore(line),
      isPending: (id) => this.#known.get(id)?.command !== undefined,
      kept: () => this.#known.lines(),
    })
    this.#known.trim()
  }

  get(commandId: string): Outcome | undefined {
    return this.#known.get(commandId)?.outcome
  }

  /**
   * Accepts a command for a machine and sends it if the machine is connected. A repeated id stands for the
   * same command. Resolves once the command is stored.
   * @throws HttpError
   */
  async submit(machineId: string, command: Command): Promise<Outcome> {
    const { store, machines, logger } = this.#options
    const about = { command_id: command.command_id, type: command.type, machine_id: machineId }
    const known = this.#known.get(command.command_id)
    if (known) return this.#again(known, command)
    const entry = this.#known.accept(machineId, command, this.check(machineId, command))
    const written = store.append({ version: 1, machine_id: machineId, command })
    entry.written = written
    try {
      await written
    } catch (error) {
      // The caller gets the reason, and other parts of the hub report a database that is away.
      if (!(error instanceof StoreUnavailableError)) logger.error({ err: error }, 'could not store a command')
      // If the machine was removed in the meantime, the command has already failed and has an outcome.
      if (this.#known.isPending(entry)) this.#known.giveUp(entry)
      throw unwritable(error)
    }
    delete entry.written
    logger.debug(about, 'command stored')
    // While the command was stored, the machine may have connected or disconnected, or the key may have been
    // revoked.
    const link = machines.link(machineId)
    if (link) this.#sendOrFail(entry, link)
    await entry.erased
    return entry.outcome
  }

  /**
   * Throws if a command cannot be accepted now.
   * @returns its size in bytes
   * @throws HttpError
   */
  check(machineId: string, command: Command): number {
    const link = this.#options.machines.link(machineId)
    const feature = link && lacking(link.capabilities, command)
    if (feature !== undefined) {
      const { code, message, ...rest } = unsupported(feature)
      throw new HttpError(409, code, message, rest)
    }
    const bytes = sendableBytes(command)
    if (!this.#known.room.has(machineId, command, bytes))
      throw new HttpError(
        429,
        'busy',
        'Too many commands are waiting for their machines: in all, with this key, or for this machine.',
        { remedy: 'Wait until they are answered, or remove machines that will not return.' },
      )
    return bytes
  }

  /** Resolves with the outcome once the command has finished, or with the current outcome after `ms`. */
  async wait(commandId: string, ms: number, signal: AbortSignal): Promise<Outcome | undefined> {
    const { clock } = this.#options
    const entry = this.#known.get(commandId)
    await entry?.erased
    if (entry?.outcome.state !== 'pending' || ms === 0 || signal.aborted) return entry?.outcome
    return new Promise((resolve) => {
      const finish = () => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        entry.waiters.delete(finish)
        resolve(entry.outcome)
      }
      const timer = clock.setTimeout(finish, ms)
      signal.addEventListener('abort', finish)
      entry.waiters.add(finish)
    })
  }

  /**
   * Sends all unanswered commands of a machine to the machine, in their original order.
   * @param begun id of the last update that the machine has begun
   */
  resend(machineId: string, begun?: string) {
    const link = this.#options.machines.link(machineId)
    if (!link) return
    for (const entry of this.#known.pending()) {
      if (entry.outcome.machine_id !== machineId || entry.written || !entry.command) continue
      const isRefused = this.#options.blocked?.refusalOf(entry.command) && entry.outcome.command_id !== begun
      // The machine reports that the order did not reach it.
      if (isRefused) delete entry.sent
      this.#sendOrFail(entry, link)
    }
  }

  /** Takes the result of a command. @returns the problem if its type does not match the command */
  onResult(machineId: string, result: CommandResult): string | undefined {
    const entry = this.#known.get(result.command_id)
    if (!entry || entry.outcome.machine_id !== machineId) return undefined
    if (result.type !== `${entry.type}:result`) return `The command with this id is ${entry.type}.`
    // After a restart, the hub does not know whether a command was sent before its key was revoked.
    if (entry.outcome.state !== 'pending' && !isUnsent(entry.outcome.error)) return undefined
    const { progress: _, error: _error, ...outcome } = entry.outcome
    if (!result.ok) this.#fail(entry, result.error)
    else {
      const { type: _type, command_id: _id, ok: _ok, ...rest } = result
      this.events.emit('succeeded', entry.outcome, entry.type)
      this.#finish(entry, { ...outcome, state: 'succeeded', result: rest })
    }
    return undefined
  }

  /**
   * Marks a command as failed if the machine could not parse the command, and will therefore not answer it.
   */
  onUnreadable(machineId: string, commandId: string, message: string, path: string | undefined) {
    const entry = this.#known.get(commandId)
    if (entry?.outcome.state === 'pending' && entry.outcome.machine_id === machineId)
      this.#fail(entry, { code: 'invalid_command', message, ...(path && { path }) })
  }

  onProgress(machineId: string, { command_id, stage, message }: UpdateProgress) {
    const entry = this.#known.get(command_id)
    if (entry?.outcome.state !== 'pending' || entry.outcome.machine_id !== machineId) return
    entry.outcome = { ...entry.outcome, progress: { stage, ...(message && { message }) } }
  }

  /** Reports whether a remembered command started this agent and no later command removed it. */
  hasStarted(machineId: string, agentId: string): boolean {
    return this.#known.hasStarted(machineId, agentId)
  }

  /** Returns the machines with a pending command to start an agent with this id. */
  startingOn(agentId: string): string[] {
    return this.#known
      .pending()
      .filter(({ type, outcome }) => outcome.agent_id === agentId && type === 'agent:start')
      .map(({ outcome }) => outcome.machine_id)
  }

  /** Marks all pending commands of a removed machine as failed. */
  abandon(machineId: string) {
    for (const entry of this.#known.pending())
      if (entry.outcome.machine_id === machineId)
        this.#fail(entry, { code: 'machine_not_found', message: 'The machine was removed.' })
  }

  /**
   * Marks commands as failed if no machine has received them, and none may: commands of revoked keys, orders to
   * install a blocked version, and the command with this id.
   */
  withdraw(commandId?: string) {
    for (const entry of this.#known.pending()) {
      const { machine_id, command_id } = entry.outcome
      if (commandId !== undefined && command_id !== commandId) continue
      if (this.#options.machines.link(machine_id)) continue
      if (this.#isWithdrawn(entry) || commandId === undefined || entry.sent) continue
      this.#fail(entry, WITHDRAWN)
    }
  }

  async close(): Promise<void> {
    for (const entry of this.#known.pending()) tell(entry)
    await this.#options.store.drain()
  }

  /** Sends a command. Marks it as failed if it was withdrawn, or if its machine does not support it. */
  #sendOrFail(entry: CommandEntry, link: ConnectedMachine) {
    if (!entry.command || this.#isWithdrawn(entry)) return
    const feature = lacking(link.capabilities, entry.command)
    if (feature !== undefined) return this.#fail(entry, unsupported(feature))
    link.send(entry.command)
    entry.sent = true
  }

  /**
   * Marks the command as failed if its key was revoked, or its version was blocked, before a machine could
   * receive the command. @returns true if the command failed
   */
  #isWithdrawn(entry: CommandEntry): boolean {
    const { people, blocked } = this.#options
    const { command, outcome, sent } = entry
    if (sent || !command) return false
    const isGone = outcome.by !== undefined && people.isGone(outcome.by)
    const error = isGone ? REVOKED : blocked?.refusalOf(command)
    if (error && this.#known.isPending(entry)) this.#fail(entry, error)
    return error !== undefined
  }

  async #again(entry: CommandEntry, command: Command): Promise<Outcome> {
    const agentId = 'agent_id' in command ? command.agent_id : undefined
    if (entry.type !== command.type || entry.outcome.agent_id !== agentId)
      throw new HttpError(409, 'command_exists', `Another command has the id ${command.command_id}.`, {
        path: 'command_id',
        remedy: 'Use a new id for each command.',
      })
    await entry.written?.catch(() => {})
    await entry.erased
    return entry.outcome
  }

  #fail(entry: CommandEntry, error: CommandError) {
    const { progress: _, ...outcome } = entry.outcome
    this.#finish(entry, { ...outcome, state: 'failed', error })
  }

  #finish(entry: CommandEntry, outcome: Outcome) {
    const { store, logger } = this.#options
    const secret = entry.command && hasSecrets(Schemas[entry.type], entry.command)
    const at = this.#known.finish(entry, outcome)
    this.events.emit('settled', outcome, entry.type)
    const stored = store
      .append({ version: 1, type: entry.type, outcome, at })
      .then(() => {
        this.#failing = false
        logger.debug({ command_id: outcome.command_id, state: outcome.state }, 'outcome stored')
      })
      .finally(() => tell(entry))
      // The store writes this line again together with the next line. After a restart, the machine sends the
      // answer again.
      .catch((error) => {
        if (!this.#failing) logger.error({ err: error }, 'could not store an outcome; will retry')
        this.#failing = true
      })
    if (secret) entry.erased = stored
    else tell(entry)
  }
}

/** Wakes the requests that wait for an outcome. */
function tell({ waiters }: CommandEntry) {
  for (const waiter of [...waiters]) waiter()
}
