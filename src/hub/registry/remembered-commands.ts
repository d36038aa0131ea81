import type { CommandMemory } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Command, Outcome } from '../../protocol/index.ts'
import type { CommandLine } from '../store/commands.ts'
import { AnsweredCommands } from './answered-commands.ts'
import { CommandLimits } from './command-limits.ts'
import { bytesOf } from './command-size.ts'

/** A command and its outcome. */
export interface CommandEntry {
  type: Command['type']
  outcome: Outcome
  /** The command; absent once it is answered. */
  command?: Command
  /** Frees the space that is reserved for the command. Called once the command is answered. */
  giveBack?(): void
  /** Resolves when the command is stored. The command is not sent earlier. */
  written?: Promise<void>
  /**
   * Present once the machine may have received the command. After that, only the machine decides the outcome.
   */
  sent?: true
  waiters: Set<() => void>
  /** Resolves when the secrets of the answered command are erased. No caller gets the outcome earlier. */
  erased?: Promise<void>
}

/**
 * All pending commands, and finished commands within limits on memory and age. Also remembers the commands
 * that started agents, until the agents are removed.
 */
export class RememberedCommands {
  readonly room = new CommandLimits()
  readonly #entries = new Map<string, CommandEntry>()
  readonly #pending = new Set<CommandEntry>()
  readonly #answered: AnsweredCommands
  readonly #starts = new Map<string, CommandEntry>()
  readonly #clock: Clock

  constructor({ memory, clock }: { memory: CommandMemory; clock: Clock }) {
    this.#answered = new AnsweredCommands({ memory, clock })
    this.#clock = clock
  }

  get(commandId: string): CommandEntry | undefined {
    return this.#entries.get(commandId)
  }

  /** Returns all pending commands, oldest first. */
  pending(): CommandEntry[] {
    return [...this.#pending]
  }

  isPending(entry: CommandEntry): boolean {
    return this.#pending.has(entry)
  }

  /** Adds a pending command. */
  accept(machineId: string, command: Command, bytes = bytesOf(command)): CommandEntry {
    const entry: CommandEntry = {
      type: command.type,
      outcome: {
        command_id: command.command_id,
        machine_id: machineId,
        ...('agent_id' in command && { agent_id: command.agent_id }),
        ...(command.by !== undefined && { by: command.by }),
        state: 'pending',
      },
      command,
      giveBack: this.room.take(machineId, command, bytes),
      waiters: new Set(),
    }
    this.#pending.add(entry)
    this.#entries.set(command.command_id, entry)
    return entry
  }

  /** Forgets a pending command that could not be stored. */
  giveUp(entry: CommandEntry) {
    this.#release(entry)
    this.#delete(entry)
  }

  /** Adds the content of a stored line. */
  restore(line: CommandLine) {
    if ('command' in line) {
      const { machine_id, command } = line
      if (!this.#entries.has(command.command_id)) this.accept(machine_id, command)
      return
    }
    const { outcome, at } = line
    const type = line.type as Command['type']
    const entry = this.#entries.get(outcome.command_id) ?? { type, outcome, waiters: new Set() }
    this.#entries.set(outcome.command_id, entry)
    this.#settle(entry, outcome)
    this.#answered.add(outcome.command_id, outcome, at)
  }

  /** Sets the outcome of a command. @returns the time of the outcome, in milliseconds since 1970 */
  finish(entry: CommandEntry, outcome: Outcome): number {
    const at = this.#clock.now()
    this.#settle(entry, outcome)
    this.#answered.add(outcome.command_id, outcome, at)
    this.trim()
    return at
  }

  /** Forgets the oldest finished commands beyond the limits. */
  trim() {
    for (const id of this.#answered.forget()) {
      const entry = this.#entries.get(id)
      if (entry) this.#delete(entry)
    }
  }

  /** Reports whether a remembered command started this agent and no later command removed it. */
  hasStarted(machineId: string, agentId: string): boolean {
    return this.#starts.has(nameOf(machineId, agentId))
  }

  /**
   * Returns the lines to keep. Outcomes come first, in the order of the answers, because they are forgotten
   * in that order.
   */
  lines(): CommandLine[] {
    const lines: CommandLine[] = []
    for (const [id, { at }] of this.#answered) {
      const { type, outcome } = this.#entries.get(id)!
      lines.push({ version: 1, type, outcome, at })
    }
    // A command that is being written at this moment is appended after these lines.
    for (const { outcome, command, written } of this.#pending)
      if (command && !written) lines.push({ version: 1, machine_id: outcome.machine_id, command })
    return lines
  }

  #settle(entry: CommandEntry, outcome: Outcome) {
    entry.outcome = outcome
    this.#release(entry)
    const { machine_id, agent_id, state } = outcome
    if (agent_id === undefined || state !== 'succeeded') return
    const name = nameOf(machine_id, agent_id)
    if (entry.type === 'agent:start') this.#starts.set(name, entry)
    if (entry.type === 'agent:remove') this.#starts.delete(name)
  }

  #release(entry: CommandEntry) {
    if (!this.#pending.delete(entry)) return
    entry.giveBack?.()
    delete entry.giveBack
    delete entry.command
  }

  #delete(entry: CommandEntry) {
    const { machine_id, agent_id = '', command_id } = entry.outcome
    this.#entries.delete(command_id)
    const name = nameOf(machine_id, agent_id)
    if (this.#starts.get(name) === entry) this.#starts.delete(name)
  }
}

/** Agent ids contain no spaces. */
const nameOf = (machineId: string, agentId: string) => `${agentId} ${machineId}`
