import { appendFileSync, closeSync, fsync, openSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { writeAtomic } from '../platform/files.ts'
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
  #written = 0

  constructor(path: string) {
    this.#path = path
    let damaged = false
    for (const line of read(path)) {
      const result = parse(line)
      if (result) this.#results.set(result.command_id, result)
      else damaged = true
    }
    this.#trim()
    if (damaged) this.#rewrite()
    this.#fd = openSync(path, 'a', 0o600)
  }

  get(commandId: string): CommandResult | undefined {
    return this.#results.get(commandId)
  }

  /** Remembers a result; it is on disk when the promise resolves. @throws the file system's error */
  async record(result: CommandResult): Promise<void> {
    this.#results.set(result.command_id, result)
    // The leading newline keeps a line that was torn by a full disk from spoiling this one.
    appendFileSync(this.#fd, `\n${JSON.stringify({ version: 1, result })}`)
    if (++this.#written > KEPT) {
      this.#trim()
      this.#rewrite()
      closeSync(this.#fd)
      this.#fd = openSync(this.#path, 'a', 0o600)
      this.#written = 0
    }
    await promisify(fsync)(this.#fd)
  }

  close() {
    closeSync(this.#fd)
  }

  #trim() {
    for (const id of this.#results.keys()) {
      if (this.#results.size <= KEPT) return
      this.#results.delete(id)
    }
  }

  #rewrite() {
    const lines = [...this.#results.values()].map((result) => `\n${JSON.stringify({ version: 1, result })}`)
    writeAtomic(this.#path, lines.join(''), { durable: true })
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

function parse(line: string): CommandResult | undefined {
  try {
    const parsed = Entry.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data.result : undefined
  } catch {
    return undefined
  }
}
