import type { CommandMemory } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import {
  type Command,
  type CommandError,
  type CommandResult,
  hasSecrets,
  Limits,
  type Outcome,
  Commands as Schemas,
  type UpdateProgress,
} from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import { type CommandLine, CommandLog } from '../store/files/command-log.ts'
import { AnsweredCommands } from './answered-commands.ts'
import { CommandLimits } from './command-limits.ts'
import type { ConnectedMachine, MachineRegistry } from './machine-registry.ts'

interface Entry {
  type: Command['type']
  outcome: Outcome
  /** The command, until it is answered. */
  command?: Command
  /** Frees the command's room, once it is answered. */
  giveBack?(): void
  /** Resolves when the command is on the disk; it is sent only then. */
  written?: Promise<void>
  /** Present once the machine may have the command: its outcome is the machine's then. */
  sent?: true
  waiters: Set<() => void>
}

/** Code of commands that ended with their key. */
const KEY_REVOKED = 'key_revoked'

export interface CommandQueueOptions {
  path: string
  machines: MachineRegistry
  logger: Logger
  clock: Clock
  /** Limits on the outcomes kept for repeated requests. */
  memory: CommandMemory
  /** Reports whether a user key with this name was revoked. */
  isGone(name: string): boolean
  /** Called with the outcome and type of each command that succeeded. */
  onSuccess(outcome: Outcome, type: string): void
  /** Called with the outcome and type of each finished command. */
  onSettled(outcome: Outcome, type: string): void
}

/** Commands for machines: stored on the disk, sent until answered, and their outcomes. */
export class CommandQueue {
  readonly #entries = new Map<string, Entry>()
  readonly #pending = new Set<Entry>()
  readonly #answered: AnsweredCommands
  /** Remembered commands that started agents, without agents that were removed later. */
  readonly #starts = new Map<string, Entry>()
  readonly #log: CommandLog
  readonly #machines: MachineRegistry
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #isGone: CommandQueueOptions['isGone']
  readonly #succeeded: CommandQueueOptions['onSuccess']
  readonly #settled: CommandQueueOptions['onSettled']
  readonly #room = new CommandLimits()

  constructor({ path, machines, logger, clock, memory, isGone, onSuccess, onSettled }: CommandQueueOptions) {
    this.#isGone = isGone
    this.#succeeded = onSuccess
    this.#settled = onSettled
    this.#machines = machines
    this.#logger = logger
    this.#clock = clock
    this.#answered = new AnsweredCommands(memory, clock)
    this.#log = new CommandLog(path, logger, (line) => {
      if ('command' in line) {
        const { machine_id, command } = line
        if (!this.#entries.has(command.command_id)) this.#accept(machine_id, command, bytesOf(command))
      } else {
        const { outcome, at } = line
        const type = line.type as Command['type']
        const known = this.#entries.get(outcome.command_id)
        this.#settle(known ?? this.#add({ type, outcome, waiters: new Set() }), outcome)
        this.#answered.add(outcome.command_id, outcome, at)
      }
    })
    this.#trim()
    this.#log.keepSecretsOf((id) => this.#entries.get(id)?.command !== undefined)
  }

  /** Resolves when the secrets of answered commands are erased from the disk. */
  ready(): Promise<void> {
    return this.#log.drain()
  }

  get(commandId: string): Outcome | undefined {
    return this.#entries.get(commandId)?.outcome
  }

  /**
   * Accepts a command for a machine and sends it if the machine is connected. A repeated id is the same
   * command. Resolves once it is on the disk.
   * @throws HttpError
   */
  async submit(machineId: string, command: Command): Promise<Outcome> {
    const known = this.#entries.get(command.command_id)
    if (known) return this.#again(known, command)
    const bytes = this.check(machineId, command)
    const entry = this.#accept(machineId, command, bytes)
    const written = this.#log.append({ version: 1, machine_id: machineId, command })
    entry.written = written
    try {
      await written
    } catch (error) {
      this.#logger.error({ err: error }, 'could not write a command to the disk')
      // If the machine was removed in the meantime, the command has already failed and has an outcome.
      if (this.#pending.has(entry)) {
        this.#release(entry)
        this.#delete(entry)
      }
      throw new HttpError(
        507,
        'disk_full',
        `The command could not be written to the disk: ${(error as Error).message}`,
        {
          remedy: 'Free space on the disk with the hub’s folder.',
        },
      )
    }
    delete entry.written
    // Meanwhile the machine may have come or left, or the key may have been revoked.
    const link = this.#machines.link(machineId)
    if (link && !this.#endedWithKey(entry)) this.#send(entry, link)
    return entry.outcome
  }

  /**
   * Refuses a command that cannot be accepted now.
   * @returns its size in bytes
   * @throws HttpError
   */
  check(machineId: string, command: Command): number {
    const link = this.#machines.link(machineId)
    if (link && !link.capabilities.includes(command.type))
      throw new HttpError(
        409,
        'unsupported',
        `The daemon of this machine does not support ${command.type}.`,
        {
          remedy: 'Update the daemon.',
        },
      )
    const bytes = sendableBytes(command)
    if (!this.#room.has(machineId, command, bytes))
      throw new HttpError(
        429,
        'busy',
        'Too many commands are waiting for their machines: in all, with this key, or for this machine.',
        { remedy: 'Wait until they are answered, or remove machines that will not return.' },
      )
    return bytes
  }

  /** Resolves with the outcome once the command has finished, or with the current outcome after `ms`. */
  wait(commandId: string, ms: number, signal: AbortSignal): Promise<Outcome | undefined> {
    const entry = this.#entries.get(commandId)
    if (entry?.outcome.state !== 'pending' || ms === 0 || signal.aborted)
      return Promise.resolve(entry?.outcome)
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        entry.waiters.delete(finish)
        resolve(entry.outcome)
      }
      const timer = setTimeout(finish, ms)
      signal.addEventListener('abort', finish)
      entry.waiters.add(finish)
    })
  }

  /** Sends a machine all its unanswered commands, in their original order. */
  resend(machineId: string) {
    const link = this.#machines.link(machineId)
    if (!link) return
    for (const entry of [...this.#pending]) {
      if (entry.outcome.machine_id !== machineId || entry.written || !entry.command) continue
      if (this.#endedWithKey(entry)) continue
      if (link.capabilities.includes(entry.type)) this.#send(entry, link)
      else
        this.#fail(entry, {
          code: 'unsupported',
          message: `The daemon of this machine does not support ${entry.type}.`,
          remedy: 'Update the daemon.',
        })
    }
  }

  /** Takes the result of a command. @returns the problem if its type does not match the command */
  onResult(machineId: string, result: CommandResult): string | undefined {
    const entry = this.#entries.get(result.command_id)
    if (!entry || entry.outcome.machine_id !== machineId) return undefined
    if (result.type !== `${entry.type}:result`) return `The command with this id is ${entry.type}.`
    // After a restart, the hub does not know that it had sent a command before its key was revoked.
    if (entry.outcome.state !== 'pending' && entry.outcome.error?.code !== KEY_REVOKED) return undefined
    const { progress: _, error: _error, ...outcome } = entry.outcome
    if (!result.ok) this.#fail(entry, result.error)
    else {
      const { type: _type, command_id: _id, ok: _ok, ...rest } = result
      this.#succeeded(entry.outcome, entry.type)
      this.#finish(entry, { ...outcome, state: 'succeeded', result: rest })
    }
    return undefined
  }

  /** Fails a command that the machine could not parse and will not answer. */
  unreadable(machineId: string, commandId: string, message: string, path: string | undefined) {
    const entry = this.#entries.get(commandId)
    if (entry?.outcome.state === 'pending' && entry.outcome.machine_id === machineId)
      this.#fail(entry, { code: 'invalid_command', message, ...(path && { path }) })
  }

  progress(machineId: string, { command_id, stage, message }: UpdateProgress) {
    const entry = this.#entries.get(command_id)
    if (entry?.outcome.state !== 'pending' || entry.outcome.machine_id !== machineId) return
    entry.outcome = { ...entry.outcome, progress: { stage, ...(message && { message }) } }
  }

  /** Reports whether a remembered command started this agent and no later one removed it. */
  hasStarted(machineId: string, agentId: string): boolean {
    return this.#starts.has(nameOf(machineId, agentId))
  }

  /** Returns the machines with a pending command to start an agent of this id. */
  startingOn(agentId: string): string[] {
    return [...this.#pending]
      .filter(({ type, outcome }) => outcome.agent_id === agentId && type === 'agent:start')
      .map(({ outcome }) => outcome.machine_id)
  }

  /** Fails all pending commands of a machine that was removed. */
  abandon(machineId: string) {
    for (const entry of [...this.#pending])
      if (entry.outcome.machine_id === machineId)
        this.#fail(entry, { code: 'machine_not_found', message: 'The machine was removed.' })
  }

  /** Fails commands of revoked keys that wait for machines that are not connected. */
  withdraw() {
    for (const entry of [...this.#pending])
      if (!this.#machines.link(entry.outcome.machine_id)) this.#endedWithKey(entry)
  }

  async close(): Promise<void> {
    for (const entry of this.#pending) for (const waiter of [...entry.waiters]) waiter()
    await this.#log.drain()
  }

  #send(entry: Entry, link: ConnectedMachine) {
    if (!entry.command) return
    link.send(entry.command)
    entry.sent = true
  }

  /** Fails the command if its key was revoked before any machine got it. @returns true if it was */
  #endedWithKey(entry: Entry): boolean {
    const { by } = entry.outcome
    if (entry.sent || by === undefined || !this.#isGone(by)) return false
    if (this.#pending.has(entry))
      this.#fail(entry, { code: KEY_REVOKED, message: 'The key that gave this command was revoked.' })
    return true
  }

  async #again(entry: Entry, command: Command): Promise<Outcome> {
    const agentId = 'agent_id' in command ? command.agent_id : undefined
    if (entry.type !== command.type || entry.outcome.agent_id !== agentId)
      throw new HttpError(409, 'command_exists', `Another command has the id ${command.command_id}.`, {
        path: 'command_id',
        remedy: 'Use a new id for each command.',
      })
    await entry.written?.catch(() => {})
    return entry.outcome
  }

  #accept(machineId: string, command: Command, bytes: number): Entry {
    const entry: Entry = {
      type: command.type,
      outcome: {
        command_id: command.command_id,
        machine_id: machineId,
        ...('agent_id' in command && { agent_id: command.agent_id }),
        ...(command.by !== undefined && { by: command.by }),
        state: 'pending',
      },
      command,
      giveBack: this.#room.take(machineId, command, bytes),
      waiters: new Set(),
    }
    this.#pending.add(entry)
    return this.#add(entry)
  }

  #add(entry: Entry): Entry {
    this.#entries.set(entry.outcome.command_id, entry)
    return entry
  }

  #delete(entry: Entry) {
    const { machine_id, agent_id = '', command_id } = entry.outcome
    this.#entries.delete(command_id)
    const name = nameOf(machine_id, agent_id)
    if (this.#starts.get(name) === entry) this.#starts.delete(name)
  }

  #fail(entry: Entry, error: CommandError) {
    const { progress: _, ...outcome } = entry.outcome
    this.#finish(entry, { ...outcome, state: 'failed', error })
  }

  #finish(entry: Entry, outcome: Outcome) {
    const secret = entry.command && hasSecrets(Schemas[entry.type], entry.command)
    this.#settle(entry, outcome)
    this.#settled(outcome, entry.type)
    // With secrets, tell callers only after the secrets are erased from the disk.
    if (!secret) this.#tell(entry)
    const at = this.#clock.now()
    this.#answered.add(outcome.command_id, outcome, at)
    this.#trim()
    this.#log
      .append({ version: 1, type: entry.type, outcome, at })
      .finally(() => this.#tell(entry))
      .then(() => (this.#log.isBloated ? this.#log.rewrite(() => this.#lines()) : undefined))
      // The log retries with the next line. After a restart, the hub gets the answer again.
      .catch((error) => this.#logger.error({ err: error }, 'could not write an outcome to the disk'))
  }

  #settle(entry: Entry, outcome: Outcome) {
    entry.outcome = outcome
    this.#release(entry)
    const { machine_id, agent_id, state } = outcome
    if (agent_id === undefined || state !== 'succeeded') return
    const name = nameOf(machine_id, agent_id)
    if (entry.type === 'agent:start') this.#starts.set(name, entry)
    if (entry.type === 'agent:remove') this.#starts.delete(name)
  }

  #tell(entry: Entry) {
    for (const waiter of [...entry.waiters]) waiter()
  }

  #release(entry: Entry) {
    if (!this.#pending.delete(entry)) return
    entry.giveBack?.()
    delete entry.giveBack
    delete entry.command
  }

  #trim() {
    for (const id of this.#answered.forget()) {
      const entry = this.#entries.get(id)
      if (entry) this.#delete(entry)
    }
  }

  /** Returns the lines to keep: outcomes first, in the order of the answers, in which they are forgotten. */
  #lines(): CommandLine[] {
    const lines: CommandLine[] = []
    for (const [id, { at }] of this.#answered) {
      const { type, outcome } = this.#entries.get(id)!
      lines.push({ version: 1, type, outcome, at })
    }
    // A command that is being written now is appended after these.
    for (const { outcome, command, written } of this.#pending)
      if (command && !written) lines.push({ version: 1, machine_id: outcome.machine_id, command })
    return lines
  }
}

/** Agent ids contain no spaces. */
const nameOf = (machineId: string, agentId: string) => `${agentId} ${machineId}`

const bytesOf = (command: Command) => Buffer.byteLength(JSON.stringify(command))

/**
 * Returns the size of a command. Refuses one too large to send: it would break the connection each time.
 * @throws HttpError
 */
function sendableBytes(command: Command): number {
  let bytes: number
  try {
    bytes = bytesOf(command)
  } catch {
    throw new HttpError(400, 'invalid_command', 'The command is nested too deeply.')
  }
  if (bytes > Limits.frame_bytes)
    throw new HttpError(
      413,
      'too_large',
      `The command is too large: its message has ${bytes} bytes, at most ${Limits.frame_bytes} are allowed.`,
    )
  return bytes
}
