import type { JournalLines } from '../journal.ts'
import { type LineHead, lineRange, wholeLine } from '../journal-line.ts'

/** The number of bytes from which `lineRange` reads a range. */
const RANGE_BYTES = 64

/** Consecutive lines of one agent, which are stored together or not at all. */
export interface Append {
  key: string
  /** Offset up to which the agent's journal must be stored before. */
  have: number
  /** Range of the last line. */
  head: LineHead
  lines: { from: number; bytes: Buffer }[]
}

/** The lines of one agent in the database. */
export class DatabaseLines implements JournalLines {
  readonly #key: string
  readonly #append: (append: Append) => Promise<void>
  #size: number
  #have: number
  #queue: (string | Uint8Array)[][] = []
  #waiting = 0
  #flushing: Promise<void> | undefined
  /** Set after an append has failed: storing later lines would leave a gap. */
  #failed: { error: unknown } | undefined

  /** @param append resolves when the lines are durable; rejects only if they will never be */
  constructor(
    key: string,
    { size, have }: { size: number; have: number },
    append: (append: Append) => Promise<void>,
  ) {
    this.#key = key
    this.#size = size
    this.#have = have
    this.#append = append
  }

  get size() {
    return this.#size
  }

  get waiting() {
    return this.#waiting
  }

  add(...line: (string | Uint8Array)[]) {
    this.#queue.push(line)
    for (const part of line) this.#waiting += part.length
  }

  takeBack(line: string): boolean {
    const last = this.#queue.at(-1)
    if (last?.length !== 1 || last[0] !== line) return false
    this.#queue.pop()
    this.#waiting -= line.length
    return true
  }

  async flush(): Promise<void> {
    while (this.#flushing) await this.#flushing.catch(() => {})
    if (this.#queue.length === 0) return
    this.#flushing = this.#flush()
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  discard() {
    this.#queue = []
    this.#waiting = 0
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting
    const lines = this.#queue.splice(0).map(lineOfParts)
    const head = wholeLine(lines.at(-1)!.bytes)
    if (!head) throw new Error('a line that this hub has written is not a line')
    if (this.#failed) throw this.#failed.error
    try {
      await this.#append({ key: this.#key, have: this.#have, head, lines })
    } catch (error) {
      this.#failed = { error }
      throw error
    }
    this.#have = head.to
    this.#waiting -= waiting
    for (const { bytes } of lines) this.#size += bytes.length
  }
}

function lineOfParts(parts: (string | Uint8Array)[]) {
  const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  return { bytes, from: lineRange(bytes.toString('latin1', 0, RANGE_BYTES))!.from }
}
