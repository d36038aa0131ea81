import { appendFileSync, closeSync, fsync, openSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { parseJsonLine, writeAtomic } from '../platform/files.ts'
import { CommandResult } from '../protocol/index.ts'

/** Results kept for servers that ask again. */
const KEPT = 10_000

const Entry = z.object({ version: z.literal(1), result: CommandResult })

/**
 * The results of commands, on disk: a command that is sent again is answered from here. A command that is not in here
 * was perhaps begun; carrying it out again is harmless because what it does carries ids made of its own.
 */
export class Ledger {
  readonly #path: string
  readonly #results = new Map<string, CommandResult>()
  #fd: number
  /** Results that a full disk has kept from being written: they are written with the next. */
  readonly #owed: string[] = []
  /** Lines in the file, of which only the newest `KEPT` matter. */
  #lines: number

  /** @throws UserError for a ledger that a newer version has written */
  constructor(path: string) {
    this.#path = path
    const lines = read(path)
    for (const line of lines) {
      const entry = parseJsonLine(path, line, Entry)
      if (entry) this.#results.set(entry.result.command_id, entry.result)
    }
    this.#lines = lines.length
    this.#fd = openSync(path, 'a', 0o600)
    this.#trim()
  }

  get(commandId: string): CommandResult | undefined {
    return this.#results.get(commandId)
  }

  /** Remembers a result; it is on disk when the promise resolves. @throws the file system's error */
  async record(result: CommandResult): Promise<void> {
    this.#results.set(result.command_id, result)
    // The leading newline keeps a line that was torn, by a kill or a full disk, from spoiling this one.
    this.#owed.push(`\n${JSON.stringify({ version: 1, result })}`)
    appendFileSync(this.#fd, this.#owed.join(''))
    this.#lines += this.#owed.splice(0).length
    this.#trim()
    await promisify(fsync)(this.#fd)
  }

  close() {
    closeSync(this.#fd)
  }

  /** Once in `KEPT` results the file is written anew. */
  #trim() {
    if (this.#lines <= 2 * KEPT) return
    for (const id of this.#results.keys()) {
      if (this.#results.size <= KEPT) break
      this.#results.delete(id)
    }
    const lines = [...this.#results.values()].map((result) => `\n${JSON.stringify({ version: 1, result })}`)
    try {
      writeAtomic(this.#path, lines.join(''), { durable: true })
      const fd = openSync(this.#path, 'a', 0o600)
      closeSync(this.#fd)
      this.#fd = fd
      this.#lines = lines.length
    } catch {
      // A full disk: it is only longer than it need be, and tried again.
    }
  }
}

function read(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
