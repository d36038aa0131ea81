import { type Activity, type AnyEvent, textOfEvents } from '../../protocol/index.ts'
import { beginLine, type JournalLine, type LineHead, lineOf } from './journal-line.ts'
import type { JournalState, Verdict } from './journals.ts'

/**
 * Maximum number of characters waiting to be stored. Beyond this limit, further frames are refused. The limit
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

/** The lines of a journal, as a store keeps them. Flushed lines are durable. */
export interface JournalLines {
  /** Number of durable bytes. */
  readonly size: number
  /** Length of the lines that are not durable yet, in characters or bytes. */
  readonly waiting: number
  /** @param line the parts of one line; parts in bytes are UTF-8, and must not change until they are durable */
  add(...line: (string | Uint8Array)[]): void
  /** Removes this line from the queue if it is the last line in the queue. @returns true if it was removed */
  takeBack(line: string): boolean
  /** Resolves when all lines added before this call are durable. On failure, the next flush retries. */
  flush(): Promise<void>
  /** Drops the lines that a flush could not write. */
  discard(): void
}

/** The activity of one agent: each event once, in order. Every store writes it as the same lines. */
export class Journal implements JournalState {
  readonly #lines: JournalLines
  /** Journal offset up to which everything is durable. */
  #have: number
  /** Journal offset up to which everything was received, including data waiting to be stored. */
  #received: number
  /** Generation of the journal that `#received` refers to. */
  #journal: string | undefined
  /** Offset in the store minus offset on the machine. */
  #shift: number
  #turning: Promise<void> | undefined
  /** The last received range, if it has no events. */
  #quiet: LineHead | undefined

  /** @param last range of the last line */
  constructor(lines: JournalLines, last: LineHead) {
    this.#lines = lines
    this.#have = last.to
    this.#received = last.to
    this.#journal = last.journal
    this.#shift = last.shift
  }

  /** Size of the stored lines, in bytes. */
  get bytes() {
    return this.#lines.size
  }

  get have() {
    return this.#have
  }

  /** Number of characters that are not durable yet. */
  get waiting() {
    return this.#lines.waiting
  }

  /** True if no further data can be accepted, because too much data is waiting to be stored. */
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
      this.#lines.add(beginLine(range), unpinned(text), '}')
    else {
      const shifted = shift === 0 ? fresh : fresh.map((event) => ({ ...event, offset: event.offset + shift }))
      for (const line of linesOf(range, shifted)) this.#lines.add(line)
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
    return this.#lines.takeBack(lineOf(before, []))
  }

  /** Makes the accepted frames durable. @throws the system error; the next call retries */
  async commit(): Promise<void> {
    const received = this.#received
    await this.#lines.flush()
    this.#have = Math.max(this.#have, received)
  }

  /** Drops the frames that are not durable, because the agent was removed. */
  discard() {
    this.#lines.discard()
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
    this.#lines.add(lineOf({ from: at, to: at + 1, shift }, [JSON.stringify(mark)]))
    await this.#lines.flush().catch((error) => {
      this.#lines.discard()
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
 * Yields a range of a journal as lines. Lines are split where an event begins, so each line
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
