import { closeSync, openSync, readSync } from 'node:fs'
import { setAside } from '../platform/files.ts'
import type { Activity, AnyEvent } from '../protocol/index.ts'
import { type ActivityLine, type EventId, type LineHead, lineOf, wholeLine } from './activity-line.ts'
import { type Chunk, readChunk, seek } from './activity-read.ts'
import { AppendFile, lastNewline } from './append-file.ts'

/** What may wait for the disk, beside one more frame: what two connections of one daemon can have on the way, and some. */
const WAITING_CHARS = 16 * 1024 * 1024

/**
 * Length of the lines that one frame becomes, in characters, where its events allow it: what is read or looked at of a
 * history is a line at least.
 */
const LINE_CHARS = 1024 * 1024
/** Largest offset here: sums of two such are still exact. No journal comes near it. */
const MAX_OFFSET = 2 ** 52

/** Events that run on: those of a frame that follow each other are one. */
const RUNS_ON: readonly AnyEvent['kind'][] = ['text_delta', 'thinking_delta', 'tool_input_delta']

/**
 * `taken`: on its way to the disk. `known`: nothing new in it. `gap`: something before it is missing. `full`: too much
 * is waiting for the disk. `beyond`: its offsets are larger than those of any journal.
 */
export type Verdict = 'taken' | 'known' | 'gap' | 'full' | 'beyond'

/** The activity of one agent, exactly once and in order, in a file. */
export class ActivityLog {
  readonly #file: AppendFile
  /** Journal offset up to which everything is on the disk. */
  #have: number
  /** The same, with what waits for the disk. */
  #received: number
  /** Generation of the journal that `#received` is in. */
  #journal: string | undefined
  /** How much higher offsets are here than on the machine. */
  #shift: number
  #turning: Promise<void> | undefined
  /** The last range that was taken, if it has no events. */
  #quiet: LineHead | undefined

  /** @param damaged told where a file was put that could not be read */
  constructor(path: string, damaged: (aside: string) => void) {
    let file = new AppendFile(path)
    let last = lastLine(path, file.size)
    if (last === undefined) {
      damaged(setAside(path))
      file = new AppendFile(path)
      last = NONE
    }
    this.#file = file
    this.#have = last.to
    this.#received = last.to
    this.#journal = last.journal
    this.#shift = last.shift
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

  /** Difference between an offset here and the same one on the machine, in bytes. */
  get shift() {
    return this.#shift
  }

  /** Offset up to which the daemon is told that everything is on the disk, in its own count. */
  get acknowledged() {
    return this.#have - this.#shift
  }

  /** Offset from which the daemon is asked to go on, in its own count. */
  get wanted() {
    return this.#received - this.#shift
  }

  /** Generation of the journal that `wanted` is in; undefined for the first. */
  get journal() {
    return this.#journal
  }

  /** @param begin the first byte the machine still holds: what came before is not waited for */
  take({ from, to, journal = this.#journal, events }: Activity, begin: number): Verdict {
    if (this.#turning) return 'full'
    const wanted = this.wanted
    if (to <= wanted) return 'known'
    if (from > wanted && from !== begin) return 'gap'
    if (this.full) return 'full'
    const fresh = events.filter((event) => event.offset >= wanted)
    const last = events[events.length - fresh.length - 1]
    // Part of its text may be new, and which part is not to be told: it is asked for again from where it is missing.
    if (last && RUNS_ON.includes(last.kind)) return 'gap'
    const shift = this.#shift
    if (to + shift > MAX_OFFSET) return 'beyond'
    const start = Math.max(from, wanted) + shift
    const joined = fresh.length === 0 && this.#joins({ from: start, to: start, journal, shift })
    const range = { from: joined ? this.#quiet!.from : start, to: to + shift, journal, shift }
    const shifted = shift === 0 ? fresh : fresh.map((event) => ({ ...event, offset: event.offset + shift }))
    for (const line of linesOf(range, shifted)) this.#file.add(line)
    this.#quiet = fresh.length === 0 ? range : undefined
    this.#received = to + shift
    this.#journal = journal
    return 'taken'
  }

  /** Takes back a range without events that ends where the next one begins and waits for the disk: the two are one line. */
  #joins({ from, journal, shift }: LineHead): boolean {
    const before = this.#quiet
    if (!before || before.to !== from || before.journal !== journal || before.shift !== shift) return false
    return this.#file.takeBack(lineOf(before, []))
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
   * Keeps what is here, which another copy of the machine's journal said, and goes on behind it with the machine's own
   * journal from byte `from`, in the machine's count. @throws the system's error, with nothing changed
   */
  async turn(from: number): Promise<void> {
    while (this.#turning) await this.#turning.catch(() => {})
    this.#turning = this.#turn(from)
    try {
      await this.#turning
    } finally {
      this.#turning = undefined
    }
  }

  async #turn(from: number): Promise<void> {
    await this.commit()
    const at = this.#received
    const mark: AnyEvent = { kind: 'set_back', offset: at, index: 0, from: from + this.#shift, to: at }
    const shift = at + 1 - from
    this.#file.add(lineOf({ from: at, to: at + 1, shift }, [JSON.stringify(mark)]))
    await this.#file.flush().catch((error) => {
      this.#file.discard()
      throw error
    })
    this.#received = at + 1
    this.#have = at + 1
    this.#journal = undefined
    this.#shift = shift
  }
}

/** A range of a journal as lines of the file: each ends where an event begins, so that it stands for itself. */
function* linesOf(range: Omit<ActivityLine, 'events'>, events: AnyEvent[]): Iterable<string> {
  let from = range.from
  let texts: string[] = []
  let chars = 0
  for (const [n, event] of events.entries()) {
    if (chars > LINE_CHARS && event.offset > events[n - 1]!.offset) {
      yield lineOf({ ...range, from, to: event.offset }, texts)
      from = event.offset
      texts = []
      chars = 0
    }
    const text = JSON.stringify(event)
    texts.push(text)
    chars += text.length
  }
  yield lineOf({ ...range, from }, texts)
}

const NONE: LineHead = { from: 0, to: 0, shift: 0 }

/** The head of the file's last line; undefined for a file that cannot be read. */
function lastLine(path: string, size: number): LineHead | undefined {
  if (size === 0) return NONE
  const fd = openSync(path, 'r')
  try {
    const start = lastNewline(fd, size - 1) + 1
    const line = Buffer.alloc(size - 1 - start)
    readSync(fd, line, 0, line.length, start)
    return wholeLine(line)
  } finally {
    closeSync(fd)
  }
}
