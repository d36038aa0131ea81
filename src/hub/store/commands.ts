import type { Command, Outcome } from '../../protocol/index.ts'

/**
 * An accepted command, or the outcome of a command with the time of the answer in milliseconds since 1970,
 * which earlier hubs did not store.
 */
export type CommandLine =
  | { version: 1; machine_id: string; command: Command }
  | { version: 1; type: string; outcome: Outcome; at?: number }

/** Questions of the store to the queue of commands. */
export interface CommandReader {
  /** Called with each stored line, in order of arrival. */
  visit(line: CommandLine): void
  /** Reports whether a command has no outcome. The store erases the secrets of all others. */
  isPending(commandId: string): boolean
  /** Returns the lines to keep, without those being appended. The store may drop all others at any time. */
  kept(): CommandLine[]
}

/**
 * Accepted commands and outcomes, in order of arrival. Once a command has its outcome, the store erases it if
 * it contains secrets.
 */
export interface CommandStore {
  /**
   * Reads all lines; resolves when no secrets of finished commands are left. Called once.
   * @throws UserError if a newer version wrote them
   */
  load(reader: CommandReader): Promise<void>

  /**
   * Resolves when the line is durable, and the secrets of its command are erased if it is an outcome.
   * @throws the system error. A command is then not stored; an outcome is stored with the next line.
   */
  append(line: CommandLine): Promise<void>

  /** Resolves when all pending writes are done. */
  drain(): Promise<void>
}
