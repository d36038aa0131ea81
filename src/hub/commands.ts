import type { CommandMemory } from '../config/hub-limits.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import {
  type Command,
  type CommandError,
  type CommandResult,
  hasSecrets,
  Limits,
  type Outcome,
  Commands as Schemas,
  type UpdateProgress,
} from '../protocol/index.ts'
import { AnsweredCommands } from './answered.ts'
import { type CommandLine, CommandLog } from './command-log.ts'
import { CommandRoom } from './command-room.ts'
import { Fault } from './fault.ts'
import type { Machines } from './machines.ts'

interface Entry {
  type: Command['type']
  outcome: Outcome
  /** Kept until it is answered. */
  command?: Command
  /** Makes room for other commands, once it is answered. */
  giveBack?(): void
  /** Resolves when it is on the disk; only then is it sent. */
  written?: Promise<void>
  waiters: Set<() => void>
}

export interface CommandsOptions {
  path: string
  machines: Machines
  logger: Logger
  clock: Clock
  /** What is kept for callers that ask again. */
  memory: CommandMemory
  /** Whether there is a key of people with this name. */
  hasKey(name: string): boolean
  /** Called with each command that was carried out, and its type. */
  succeeded(outcome: Outcome, type: string): void
  /** Called with the outcome of each command that a machine was given. */
  settled(outcome: Outcome, type: string): void
}

/** Commands on their way to machines: accepted on disk, sent until they are answered, and their outcomes. */
export class Commands {
  readonly #entries = new Map<string, Entry>()
  readonly #pending = new Set<Entry>()
  readonly #answered: AnsweredCommands
  /** By which agents were started that were not removed since, as far as it is kept. */
  readonly #starts = new Map<string, Entry>()
  readonly #log: CommandLog
  readonly #machines: Machines
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #hasKey: CommandsOptions['hasKey']
  readonly #succeeded: CommandsOptions['succeeded']
  readonly #settled: CommandsOptions['settled']
  readonly #room = new CommandRoom()

  constructor({ path, machines, logger, clock, memory, hasKey, succeeded, settled }: CommandsOptions) {
    this.#hasKey = hasKey
    this.#succeeded = succeeded
    this.#settled = settled
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

  /** Resolves when what was answered before has left nothing secret on the disk. */
  ready(): Promise<void> {
    return this.#log.settled()
  }

  get(commandId: string): Outcome | undefined {
    return this.#entries.get(commandId)?.outcome
  }

  /**
   * Takes a command for a machine, and sends it if that is connected. One with the id of an earlier one is that one.
   * @returns once it is on the disk
   * @throws Fault
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
      this.#logger.error({ err: error }, 'a command could not be put on the disk')
      // If its machine was forgotten meanwhile, the command has already failed, and its outcome is remembered.
      if (this.#pending.has(entry)) {
        this.#release(entry)
        this.#delete(entry)
      }
      throw new Fault(
        507,
        'disk_full',
        `The command could not be put on the disk: ${(error as Error).message}`,
        {
          remedy: 'Make room on the disk with the hub’s folder.',
        },
      )
    }
    delete entry.written
    // While it was written the machine may have come, and got it, or gone; and the key may have been taken back.
    const link = this.#machines.link(machineId)
    if (link && !this.#endedWithKey(entry) && entry.command) link.send(entry.command)
    return entry.outcome
  }

  /**
   * Refuses a command that cannot be taken now.
   * @returns its length
   * @throws Fault
   */
  check(machineId: string, command: Command): number {
    const link = this.#machines.link(machineId)
    if (link && !link.capabilities.includes(command.type))
      throw new Fault(409, 'unsupported', `The daemon of this machine does not know ${command.type}.`, {
        remedy: 'Update it.',
      })
    const bytes = sendableBytes(command)
    if (!this.#room.has(machineId, command, bytes))
      throw new Fault(
        429,
        'busy',
        'Too many commands, or too many with this key, or for this machine, wait for their machines.',
        { remedy: 'Wait until they are answered, or forget machines that will not come back.' },
      )
    return bytes
  }

  /** Resolves with the outcome as soon as there is one, and with what there is after `ms`. */
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

  /** The machine is there: it gets all that it has not answered, in the order in which it came. */
  resend(machineId: string) {
    const link = this.#machines.link(machineId)
    if (!link) return
    for (const entry of [...this.#pending]) {
      if (entry.outcome.machine_id !== machineId || entry.written || !entry.command) continue
      if (this.#endedWithKey(entry)) continue
      if (link.capabilities.includes(entry.type)) link.send(entry.command)
      else
        this.#fail(entry, {
          code: 'unsupported',
          message: `The daemon of this machine does not know ${entry.type}.`,
          remedy: 'Update it.',
        })
    }
  }

  /** @returns what is wrong with the result, if it answers no command of this machine */
  answered(machineId: string, result: CommandResult): string | undefined {
    const entry = this.#entries.get(result.command_id)
    if (!entry || entry.outcome.machine_id !== machineId) return undefined
    if (result.type !== `${entry.type}:result`) return `That command was ${entry.type}.`
    if (entry.outcome.state !== 'pending') return undefined
    const { progress: _, ...outcome } = entry.outcome
    if (!result.ok) this.#fail(entry, result.error)
    else {
      const { type: _type, command_id: _id, ok: _ok, ...rest } = result
      this.#succeeded(entry.outcome, entry.type)
      this.#finish(entry, { ...outcome, state: 'succeeded', result: rest })
    }
    return undefined
  }

  /** The machine could not even read the command: it will not answer it. */
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

  /** Whether the machine has started this agent by an order, and not removed it since, as far as that is kept. */
  hasStarted(machineId: string, agentId: string): boolean {
    return this.#starts.has(nameOf(machineId, agentId))
  }

  /** The machines that are to start an agent of this id, and have not answered yet. */
  startingOn(agentId: string): string[] {
    return [...this.#pending]
      .filter(({ type, outcome }) => outcome.agent_id === agentId && type === 'agent:start')
      .map(({ outcome }) => outcome.machine_id)
  }

  /** The machine will not come back: nothing waits for it any more. */
  abandon(machineId: string) {
    for (const entry of [...this.#pending])
      if (entry.outcome.machine_id === machineId)
        this.#fail(entry, { code: 'machine_not_found', message: 'The machine was forgotten.' })
  }

  /** A key was taken back: what was ordered with it, and waits for a machine that is away, is not carried out. */
  withdraw() {
    for (const entry of [...this.#pending])
      if (!this.#machines.link(entry.outcome.machine_id)) this.#endedWithKey(entry)
  }

  async close(): Promise<void> {
    for (const entry of this.#pending) for (const waiter of [...entry.waiters]) waiter()
    await this.#log.settled()
  }

  /** @returns whether it has failed because the key by which it was given is gone */
  #endedWithKey(entry: Entry): boolean {
    const { by } = entry.outcome
    if (by === undefined || this.#hasKey(by)) return false
    if (this.#pending.has(entry))
      this.#fail(entry, { code: 'key_revoked', message: 'The key by which this was ordered was revoked.' })
    return true
  }

  async #again(entry: Entry, command: Command): Promise<Outcome> {
    const agentId = 'agent_id' in command ? command.agent_id : undefined
    if (entry.type !== command.type || entry.outcome.agent_id !== agentId)
      throw new Fault(409, 'command_exists', `There was another command with the id ${command.command_id}.`, {
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
    // A caller that hears of the outcome can rely on the secrets being gone from the disk.
    if (!secret) this.#tell(entry)
    const at = this.#clock.now()
    this.#answered.add(outcome.command_id, outcome, at)
    this.#trim()
    this.#log
      .append({ version: 1, type: entry.type, outcome, at })
      .finally(() => this.#tell(entry))
      .then(() => (this.#log.bloated ? this.#log.rewrite(() => this.#lines()) : undefined))
      // It is written with the next line. After a restart it is asked for again, and the machine answers again.
      .catch((error) => this.#logger.error({ err: error }, 'an outcome could not be put on the disk'))
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

  /** Outcomes come first, in the order of the answers: a hub that reads them forgets the same ones first. */
  #lines(): CommandLine[] {
    const lines: CommandLine[] = []
    for (const [id, { at }] of this.#answered) {
      const { type, outcome } = this.#entries.get(id)!
      lines.push({ version: 1, type, outcome, at })
    }
    // The line of a command that is being written now comes after these.
    for (const { outcome, command, written } of this.#pending)
      if (command && !written) lines.push({ version: 1, machine_id: outcome.machine_id, command })
    return lines
  }
}

/** No id of an agent has a blank. */
const nameOf = (machineId: string, agentId: string) => `${agentId} ${machineId}`

const bytesOf = (command: Command) => Buffer.byteLength(JSON.stringify(command))

/** A command that no daemon can take would end its machine's link each time it is sent. @throws Fault */
function sendableBytes(command: Command): number {
  let bytes: number
  try {
    bytes = bytesOf(command)
  } catch {
    throw new Fault(400, 'invalid_command', 'The command is nested too deeply.')
  }
  if (bytes > Limits.frame_bytes)
    throw new Fault(
      413,
      'too_large',
      `The command makes a message of ${bytes} bytes; at most ${Limits.frame_bytes} can be sent.`,
    )
  return bytes
}
