import { type Activity, type AnyEvent, textOfEvents } from '../../../protocol/index.ts'
import type { JournalState, Verdict } from '../journals.ts'
import { AppendFile } from './append-file.ts'
import type { SharedDurability } from './commits/shared-journals.ts'
import type { JournalEnd } from './journal-end.ts'
import { beginLine, type JournalLine, type LineHead, lineOf } from './journal-line.ts'

/**
 * Maximum number of characters waiting for the disk. Beyond this limit, further frames are refused. The limit
 * is larger than the data that two connections of one daemon can have in flight.
 */
const WAITING_CHARS = 16 * 1024 * 1024

/**
 * A frame of at least this length, in characters, is split into several lines, because a reader of the
 * history needs memory for a whole line. A line can begin only at an event with a new offset.
 */
const LINE_CHARS = 1024 * 1024
const NEWLINE = 10
/** Kinds of events to merge: consecutive deltas in a frame become one event. */
const RUNS_ON: readonly AnyEvent['kind'][] = ['text_delta', 'thinking_delta', 'tool_input_delta']

/** The file with the activity of one agent: each event once, in order. */
export class EventJournal implements JournalState {
  readonly #file: AppendFile
  /** Journal offset up to which everything is on the disk. */
  #have: number
  /** Journal offset up to which everything was received, including data waiting for the disk. */
  #received: number
  /** Generation of the journal that `#received` refers to. */
  #journal: string | undefined
  /** Offset in this file minus offset on the machine. */
  #shift: number
  #turning: Promise<void> | undefined
  /** The last received range, if it has no events. */
  #quiet: LineHead | undefined

  /** @param shared makes short lines durable together with those of other journals */
  constructor(path: string, { size, last }: JournalEnd, shared?: SharedDurability) {
    this.#file = new AppendFile(path, shared, size)
    this.#have = last.to
    this.#received = last.to
    this.#journal = last.journal
    this.#shift = last.shift
  }

  get path() {
    return this.#file.path
  }

  /** Size of the file, in bytes. */
  get bytes() {
    return this.#file.size
  }

  get have() {
    return this.#have
  }

  /** Number of characters not yet on the disk. */
  get waiting() {
    return this.#file.waiting
  }

  /** True if the next commit opens and syncs the file. */
  get isAlone() {
    return this.#file.isAlone
  }

  /** True if no further data can be accepted, because too much data is waiting for the disk. */
  get full() {
    return this.waiting > WAITING_CHARS
  }

  get shift() {
    return this.#shift
  }

  get ackOffset() {
    return this.#have - this.#shift
  }

  get wantedOffset() {
    return this.#received - this.#shift
  }

  /** Generation of the journal to which `wantedOffset` refers; undefined if it has no name. */
  get journal() {
    return this.#journal
  }

  /** Takes a frame. @param begin first byte that the machine still has; earlier activity is not requested */
  take(activity: Activity, begin: number): Verdict {
    const { from, to, journal = this.#journal, events } = activity
    if (this.#turning) return 'full'
    const wanted = this.wantedOffset
    if (to <= wanted) return 'known'
    if (from > wanted && from !== begin) return 'gap'
    if (this.full) return 'full'
    const isFresh = from >= wanted || (events[0]?.offset ?? wanted) >= wanted
    const fresh = isFresh ? events : events.filter((event) => event.offset >= wanted)
    const last = events[events.length - fresh.length - 1]
    // A part of a merged event may be new, but the parts cannot be separated. Request the activity again from
    // `wanted`.
    if (last && RUNS_ON.includes(last.kind)) return 'gap'
    const shift = this.#shift
    const start = Math.max(from, wanted) + shift
    const joined = fresh.length === 0 && this.#joins({ from: start, to: start, journal, shift })
    const range = { from: joined ? this.#quiet!.from : start, to: to + shift, journal, shift }
    const text = fresh.length === events.length && fresh.length > 0 && shift === 0 && textOfEvents(activity)
    if (text && text.length <= LINE_CHARS && !text.includes(NEWLINE))
      this.#file.add(beginLine(range), unpinned(text), '}')
    else {
      const shifted = shift === 0 ? fresh : fresh.map((event) => ({ ...event, offset: event.offset + shift }))
      for (const line of linesOf(range, shifted)) this.#file.add(line)
    }
    this.#quiet = fresh.length === 0 ? range : undefined
    this.#received = to + shift
    this.#journal = journal
    return 'taken'
  }

  /**
   * Removes the last range from the queue if it has no events and if the next range continues it. Both ranges
   * then become one line.
   */
  #joins({ from, journal, shift }: LineHead): boolean {
    const before = this.#quiet
    if (!before || before.to !== from || before.journal !== journal || before.shift !== shift) return false
    return this.#file.takeBack(lineOf(before, []))
  }

  /** Writes the accepted frames to the disk. @throws the system error; the next call retries */
  async commit(): Promise<void> {
    const received = this.#received
    await this.#file.flush()
    this.#have = Math.max(this.#have, received)
  }

  /**
   * Switches to another journal: keeps the history and appends the machine's journal from its offset `from`.
   * @throws the system error, with nothing changed
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

/** Returns bytes that do not keep much more memory in use: a frame can be far longer than its events. */
const unpinned = (bytes: Uint8Array) =>
  bytes.buffer.byteLength > 2 * bytes.length ? Buffer.from(bytes) : bytes

/**
 * Yields a range of a journal as lines of the file. Lines are split where an event begins, so each line
 * contains only whole events.
 */
function* linesOf(range: Omit<JournalLine, 'events'>, events: AnyEvent[]): Iterable<string> {
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
