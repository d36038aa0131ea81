import { appendFileSync, closeSync, constants, fsync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { parseJsonLine, writeAtomic } from '../platform/files.ts'
import { openOwnPlain } from '../platform/plain-files.ts'
import { CommandResult } from '../protocol/index.ts'

/** Number of results kept to answer repeated commands. */
const KEPT = 10_000

/** Maximum size of a readable command log, in bytes: the maximum length of a string. */
const MOST_BYTES = 512 * 1024 * 1024 - 32
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT

const Entry = z.object({ version: z.literal(1), result: CommandResult })

/**
 * Results of commands, on disk. Repeated commands are answered from this log. A command without a result may
 * have begun; carrying it out again is harmless, because its effects have ids derived from the command.
 */
export class CommandLog {
  readonly #path: string
  readonly #results = new Map<string, CommandResult>()
  #fd: number
  /**
   * Results that could not be written because the disk was full. They are written together with the next
   * result.
   */
  readonly #owed: string[] = []
  /** Number of lines in the file, of which only the newest `KEPT` matter. */
  #lines: number

  /** @throws UserError if a newer version wrote the command log */
  constructor(path: string) {
    this.#path = path
    this.#fd = openOwnPlain(path, FLAGS, MOST_BYTES)
    const lines = readFileSync(this.#fd, 'utf8').split('\n').filter(Boolean)
    for (const line of lines) {
      const entry = parseJsonLine(path, line, Entry)
      if (entry) this.#results.set(entry.result.command_id, entry.result)
    }
    this.#lines = lines.length
    this.#trim()
  }

  get(commandId: string): CommandResult | undefined {
    return this.#results.get(commandId)
  }

  /** Records a result, which is on disk when the promise resolves. @throws the file system's error */
  async record(result: CommandResult): Promise<void> {
    this.#results.set(result.command_id, result)
    // The leading newline protects this line from a previous line that a kill or a full disk tore.
    this.#owed.push(`\n${JSON.stringify({ version: 1, result })}`)
    appendFileSync(this.#fd, this.#owed.join(''))
    this.#lines += this.#owed.splice(0).length
    this.#trim()
    await promisify(fsync)(this.#fd)
  }

  close() {
    closeSync(this.#fd)
  }

  /** Rewrites the file after every `KEPT` results. */
  #trim() {
    if (this.#lines <= 2 * KEPT) return
    for (const id of this.#results.keys()) {
      if (this.#results.size <= KEPT) break
      this.#results.delete(id)
    }
    const lines = [...this.#results.values()].map((result) => `\n${JSON.stringify({ version: 1, result })}`)
    try {
      writeAtomic(this.#path, lines.join(''), { durable: true })
      const fd = openOwnPlain(this.#path, FLAGS)
      closeSync(this.#fd)
      this.#fd = fd
      this.#lines = lines.length
    } catch {
      // The disk is full: the file stays too long until the next attempt.
    }
  }
}
