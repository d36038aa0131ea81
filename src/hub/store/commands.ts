import * as z from 'zod/mini'
import { type Command, Commands, Outcome } from '../../protocol/index.ts'

/** An accepted command or the outcome of a command, in the store. */
export const CommandLineRecord = z.union([
  z.object({ version: z.literal(1), machine_id: z.string(), command: z.union(Object.values(Commands)) }),
  z.object({
    version: z.literal(1),
    type: z.string(),
    outcome: Outcome,
    /** Time of the answer, in milliseconds since 1970. Absent in lines of earlier hubs. */
    at: z.optional(z.number()),
  }),
])

/** A parsed `CommandLineRecord`. */
export type CommandLine =
  | { version: 1; machine_id: string; command: Command }
  | { version: 1; type: string; outcome: Outcome; at?: number }

/** Methods that the store calls to get information from the queue of commands. */
export interface CommandReader {
  /** Called with each stored line, in order of arrival. */
  visit(line: CommandLine): void
  /** Reports whether a command has no outcome yet. The store erases the secrets of all other commands. */
  isPending(commandId: string): boolean
  /**
   * Returns the lines to keep, except lines that are being appended. The store may drop all other lines at
   * any time.
   */
  kept(): CommandLine[]
}

/**
 * Accepted commands and outcomes, in order of arrival. Once a command has its outcome, the store erases the
 * command if it contains secrets.
 */
export interface CommandStore {
  /**
   * Reads all lines, and resolves when no secrets of finished commands are left. Called once.
   * @throws UserError if a newer version wrote them
   */
  load(reader: CommandReader): Promise<void>

  /**
   * Resolves when the line is durable and, if the line is an outcome, the secrets of its command are erased.
   * @throws the system error. A command is then not stored. An outcome is then stored together with the next
   * line.
   */
  append(line: CommandLine): Promise<void>

  /** Resolves when all pending writes are done. */
  drain(): Promise<void>
}
