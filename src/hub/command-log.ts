import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { systemCode } from '../platform/errors.ts'
import { parseJsonLine, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { type Command, Commands, Outcome } from '../protocol/index.ts'
import { AppendFile } from './append-file.ts'

/** A file longer than this, and twice as long as when it was last written anew, is written anew. */
const REWRITE_BYTES = 16 * 1024 * 1024

/** A command that was accepted, or one that has its outcome. */
const AnyCommand = z.union(Object.values(Commands))
const Line = z.union([
  z.object({ version: z.literal(1), machine_id: z.string(), command: AnyCommand }),
  z.object({
    version: z.literal(1),
    type: z.string(),
    outcome: Outcome,
    /** When it was answered, in milliseconds since 1970. Absent in lines of earlier hubs. */
    at: z.optional(z.number()),
  }),
])
export type CommandLine =
  | { version: 1; machine_id: string; command: Command }
  | { version: 1; type: string; outcome: Outcome; at?: number }

/** `commands.jsonl`: the commands accepted and their outcomes, in the order in which they came. */
export class CommandLog {
  readonly #path: string
  #file: AppendFile
  /** How long the file was when it was last written anew; how much of what an earlier hub left is of use is not known. */
  #rewrittenBytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  /**
   * @param visit called with every line there is
   * @throws UserError for a list that a newer version has written
   */
  constructor(path: string, logger: Logger, visit: (line: CommandLine) => void) {
    this.#path = path
    let damaged = 0
    this.#file = new AppendFile(path)
    for (const text of read(path).split('\n')) {
      if (text === '') continue
      const line = parseJsonLine(path, text, Line) as CommandLine | undefined
      if (line) visit(line)
      else damaged++
    }
    if (damaged > 0)
      logger.error({ path, lines: damaged }, 'damaged lines in the list of commands passed over')
  }

  /** Resolves when the line is on the disk. @throws the system's error; nothing was written then */
  append(line: CommandLine): Promise<void> {
    const text = JSON.stringify(line)
    return this.#inTurn(async () => {
      this.#file.add(text)
      try {
        await this.#file.flush()
      } catch (error) {
        this.#file.discard()
        throw error
      }
    })
  }

  get bloated() {
    return this.#file.size > Math.max(REWRITE_BYTES, 2 * this.#rewrittenBytes)
  }

  /** Replaces the file by these lines. */
  rewrite(lines: () => CommandLine[]): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.bloated) return
      writeAtomic(
        this.#path,
        lines()
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(''),
        { durable: true },
      )
      this.#file = new AppendFile(this.#path)
      this.#rewrittenBytes = this.#file.size
    })
  }

  async close(): Promise<void> {
    await this.#turn
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    // Longer than a string can be: it cannot be ours.
    if (systemCode(error) === 'ERR_STRING_TOO_LONG' || systemCode(error) === 'ERR_FS_FILE_TOO_LARGE')
      setAside(path)
    else throw error
    return ''
  }
}
