import { appendFileSync, closeSync, constants, fsync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { parseJsonLine, writeAtomic } from '../platform/files.ts'
import { openOwnPlain } from '../platform/plain-files.ts'
import { CommandResult } from '../protocol/index.ts'

/**
 * Number of results that are kept to answer repeated commands. Results of signed commands are kept longer,
 * until the signature expires.
 */
const KEPT = 10_000

/** Maximum size of a command log that can be read, in bytes. This is the maximum length of a string. */
const MOST_BYTES = 512 * 1024 * 1024 - 32
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT

const Entry = z.object({
  version: z.literal(1),
  result: CommandResult,
  /**
   * Time until which the result must be kept, in ms since 1970. Until then, a server could repeat the signed
   * command.
   */
  until: z.optional(z.number()),
})
type Entry = Pick<z.infer<typeof Entry>, 'result' | 'until'>

/**
 * Results of commands, on disk. Repeated commands are answered from this log. If a command has no result, it
 * may have been carried out in part. Carrying it out again is harmless, because the ids of its effects are
 * derived from the command's id.
 */
export class CommandLog {
  readonly #path: string
  readonly #entries = new Map<string, Entry>()
  #fd: number
  /**
   * Results that could not be written because the disk was full. These results are written together with the
   * next result.
   */
  readonly #owed: string[] = []
  /**
   * Number of lines in the file. Only the newest `KEPT` lines and the lines of signed commands are needed.
   */
  #lines: number
  /** Number of results in the file after it was last rewritten. */
  #kept = KEPT

  /** @throws UserError if a newer version wrote the command log */
  constructor(path: string) {
    this.#path = path
    this.#fd = openOwnPlain(path, FLAGS, MOST_BYTES)
    const lines = readFileSync(this.#fd, 'utf8').split('\n').filter(Boolean)
    for (const line of lines) {
      const entry = parseJsonLine(path, line, Entry)
      if (entry) this.#entries.set(entry.result.command_id, entry)
    }
    this.#lines = lines.length
    this.#trim()
  }

  get(commandId: string): CommandResult | undefined {
    return this.#entries.get(commandId)?.result
  }

  /**
   * Records a result. The promise resolves when the result is on the disk.
   * @param until time until which the result must be kept, in ms since 1970
   * @throws the file system's error
   */
  async record(result: CommandResult, until?: number): Promise<void> {
    const entry = { result, ...(until !== undefined && { until }) }
    this.#entries.set(result.command_id, entry)
    this.#owed.push(lineOf(entry))
    appendFileSync(this.#fd, this.#owed.join(''))
    this.#lines += this.#owed.splice(0).length
    this.#trim()
    await promisify(fsync)(this.#fd)
  }

  close() {
    closeSync(this.#fd)
  }

  /** Rewrites the file whenever `KEPT` results were added. */
  #trim() {
    if (this.#lines <= this.#kept + KEPT) return
    const now = Date.now()
    for (const [id, { until = 0 }] of this.#entries) {
      if (this.#entries.size <= KEPT) break
      if (until < now) this.#entries.delete(id)
    }
    this.#kept = Math.max(KEPT, this.#entries.size)
    const lines = [...this.#entries.values()].map(lineOf)
    try {
      writeAtomic(this.#path, lines.join(''), { durable: true })
      const fd = openOwnPlain(this.#path, FLAGS)
      closeSync(this.#fd)
      this.#fd = fd
      this.#lines = lines.length
    } catch {
      // The disk is full. The file is not shortened until the next attempt.
    }
  }
}

/**
 * Returns a line. The line starts with a newline, because the previous line may be incomplete after a kill or
 * on a full disk.
 */
const lineOf = (entry: Entry) => `\n${JSON.stringify({ version: 1, ...entry })}`
