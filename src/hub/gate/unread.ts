import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../platform/clock.ts'
import { Fault } from '../fault.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

/** What may wait, over all answers, to be taken by clients, in bytes. No further answer is made meanwhile. */
const HELD_BYTES = 32 * 1024 * 1024
/** While there is no memory left, a longer answer is given up once its size is known: its client is to ask again. */
const LONG_BYTES = HELD_BYTES / 2
/** Answers that are made at the same time: the size of one is not known before, and may be many MiB. */
const MADE = 4
/** A client that has not taken everything for so long is ended while others wait for its memory. */
const IN_NEED_MS = 10_000
const LOOK_MS = 1000

/** Where an answer goes. */
export interface Reader {
  response: ServerResponse
  /** Of the client. */
  address: string
  /** Undefined at the hub's own Unix socket. */
  key: string | undefined
}

export interface UnreadOptions {
  /** A client that takes nothing for so long is ended, in milliseconds. */
  stallMs: number
  clock: Clock
  notices: Notices
}

interface Held {
  since: number
  giveBack(): void
}

/** The memory of answers that clients have not taken yet. */
export class Unread {
  readonly #stallMs: number
  readonly #clock: Clock
  readonly #notices: Notices
  readonly #bytes = new Shares(HELD_BYTES)
  readonly #made = new Shares(MADE)
  readonly #holding = new Map<Reader, Held>()
  /** The one that has waited for longest first. */
  readonly #waiting = new Map<Reader, (done: (() => void) | undefined) => void>()
  /** Whether an answer was given up since there was memory left. */
  #givenUp = false
  #timer: Timer | undefined

  constructor({ stallMs, clock, notices }: UnreadOptions) {
    this.#stallMs = stallMs
    this.#clock = clock
    this.#notices = notices
  }

  /** Begins to count what a client has not taken. */
  watch(reader: Reader) {
    const { response } = reader
    response.once('close', () => {
      this.#waiting.get(reader)?.(undefined)
      this.#waiting.delete(reader)
      this.release(reader)
    })
    // Node does not take it for one as long as the system takes some of what was written.
    response.on('timeout', () => this.#cut(reader))
  }

  /**
   * Makes an answer, or the next part of one, when there is memory for it.
   * @returns undefined where the client has gone
   * @throws Fault where it is too long for the memory there is
   */
  async turn<T>(
    reader: Reader,
    make: () => Promise<T>,
    bytesOf: (made: T) => number,
  ): Promise<T | undefined> {
    if (reader.response.destroyed) return undefined
    const done = await new Promise<(() => void) | undefined>((resolve) => {
      this.#waiting.set(reader, resolve)
      this.#admit()
    })
    if (!done) return undefined
    try {
      const made = await make()
      const bytes = bytesOf(made)
      if (bytes > LONG_BYTES && this.#isFull) {
        this.#givenUp = true
        throw new Fault(503, 'busy', 'Too many long answers wait for their clients to read them.', {
          remedy: `Ask again in ${IN_NEED_MS / 1000} seconds.`,
        })
      }
      this.#hold(reader, bytes)
      return made
    } finally {
      done()
      this.#admit()
    }
  }

  /** The client has taken everything. */
  release(reader: Reader) {
    const held = this.#holding.get(reader)
    if (!held) return
    this.#holding.delete(reader)
    reader.response.setTimeout(0)
    held.giveBack()
    this.#admit()
  }

  close() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
  }

  /** Whether there is no memory left. */
  get #isFull() {
    return this.#bytes.beyond(undefined) !== undefined
  }

  #hold(reader: Reader, bytes: number) {
    const { response, key } = reader
    if (bytes === 0 || response.destroyed) return
    response.setTimeout(this.#stallMs)
    const giveBack = this.#bytes.take(key, bytes)
    this.#holding.set(reader, { since: this.#clock.monotonic(), giveBack })
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  #admit() {
    for (const [reader, resolve] of this.#waiting) {
      const { key } = reader
      const scarcity = this.#made.beyond(key)
      if (scarcity === 'all') return
      // What is made may be more than there is memory for: nobody waits for others' who has nothing of it.
      if (scarcity || (this.#bytes.of(key) > 0 && this.#bytes.beyond(key))) continue
      this.#waiting.delete(reader)
      resolve(this.#made.take(key))
    }
  }

  #look() {
    const now = this.#clock.monotonic()
    const inNeed = new Set([...this.#waiting.keys()].map(({ key }) => key))
    this.#givenUp &&= this.#isFull
    const forAll = this.#givenUp || (inNeed.size > 0 && this.#isFull)
    for (const [reader, { since }] of this.#holding) {
      if (now - since < IN_NEED_MS) continue
      const isNeeded = forAll || (inNeed.has(reader.key) && this.#bytes.beyond(reader.key) !== undefined)
      if (isNeeded) this.#cut(reader)
    }
    this.#timer = this.#holding.size > 0 ? this.#clock.setTimeout(() => this.#look(), LOOK_MS) : undefined
  }

  #cut(reader: Reader) {
    this.release(reader)
    this.#notices.tell(reader.address, 'answer ended: its client does not take it')
    reader.response.destroy()
  }
}
