import { closeSync, openSync, readSync } from 'node:fs'
import { setAside } from '../platform/files.ts'
import type { Activity, AnyEvent } from '../protocol/index.ts'
import { type EventId, formatLine, parseLine } from './activity-line.ts'
import { type Chunk, firstBeyond, readChunk, seek } from './activity-read.ts'
import { AppendFile, lastNewline } from './append-file.ts'

/** What may wait for the disk, beside one more frame: what two connections of one daemon can have on the way, and some. */
const WAITING_CHARS = 16 * 1024 * 1024

/** Events that run on: those of a frame that follow each other are one. */
const RUNS_ON: readonly AnyEvent['kind'][] = ['text_delta', 'thinking_delta', 'tool_input_delta']

/**
 * `taken`: on its way to the disk. `known`: nothing new in it. `gap`: something before it is missing. `full`: too much
 * is waiting for the disk.
 */
export type Verdict = 'taken' | 'known' | 'gap' | 'full'

/** The activity of one agent, exactly once and in order, in a file. */
export class ActivityLog {
  readonly #file: AppendFile
  /** Journal offset up to which everything is on the disk. */
  #have: number
  /** The same, with what waits for the disk. */
  #received: number
  #cutting = false

  /** @param damaged told where a file was put that could not be read */
  constructor(path: string, damaged: (aside: string) => void) {
    let file = new AppendFile(path)
    let have = endOf(path, file.size)
    if (have === undefined) {
      damaged(setAside(path))
      file = new AppendFile(path)
      have = 0
    }
    this.#file = file
    this.#have = have
    this.#received = have
  }

  /** Bytes of the file; a reader is at its end when it is there. */
  get size() {
    return this.#file.size
  }

  get have() {
    return this.#have
  }

  /** Characters that are not on the disk yet. */
  get waiting() {
    return this.#file.waiting
  }

  /** Whether too much of it waits for the disk to take more. */
  get full() {
    return this.waiting > WAITING_CHARS
  }

  /** What a daemon is asked to go on from. */
  get received() {
    return this.#received
  }

  /** @param begin the first byte the machine still holds: what came before is not waited for */
  take({ from, to, events }: Activity, begin: number): Verdict {
    if (this.#cutting) return 'full'
    const known = this.#received
    if (to <= known) return 'known'
    if (from > known && from !== begin) return 'gap'
    if (this.full) return 'full'
    const fresh = events.filter((event) => event.offset >= known)
    const last = events[events.length - fresh.length - 1]
    // Part of its text may be new, and which part is not to be told: it is asked for again from where it is missing.
    if (last && RUNS_ON.includes(last.kind)) return 'gap'
    this.#file.add(formatLine({ from: Math.max(from, known), to, events: fresh }))
    this.#received = to
    return 'taken'
  }

  /** Puts what was taken on the disk. @throws the system's error; it is kept for the next time */
  async commit(): Promise<void> {
    const received = this.#received
    await this.#file.flush()
    this.#have = Math.max(this.#have, received)
  }

  /** Where to start reading for what comes behind `after`. */
  seek(after: EventId): Promise<number> {
    return seek(this.#file.path, this.#file.size, after.offset)
  }

  /** The next events on the disk; `next === at` at the end. */
  read(at: number, after: EventId): Promise<Chunk> {
    return readChunk(this.#file.path, this.#file.size, Math.min(at, this.#file.size), after)
  }

  /**
   * The machine's journal ends at `end` although more of it is here: its disk lost the rest in a crash. What is behind
   * is given up here too, since the journal will use these offsets again.
   */
  async cut(end: number): Promise<void> {
    this.#cutting = true
    try {
      await this.commit()
      const at = await firstBeyond(this.#file.path, this.#file.size, end)
      await this.#file.cut(at)
      this.#have = endOf(this.#file.path, at) ?? 0
      this.#received = this.#have
    } finally {
      this.#cutting = false
    }
  }
}

/** Up to where the journal is in the file; undefined for a file that cannot be read. */
function endOf(path: string, size: number): number | undefined {
  if (size === 0) return 0
  const fd = openSync(path, 'r')
  try {
    const start = lastNewline(fd, size - 1) + 1
    const line = Buffer.alloc(size - 1 - start)
    readSync(fd, line, 0, line.length, start)
    return parseLine(line.toString('utf8'))?.to
  } finally {
    closeSync(fd)
  }
}
