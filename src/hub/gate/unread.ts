import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../platform/clock.ts'
import { HttpError } from '../http-error.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'

/**
 * Maximum size of all answers that clients have not read yet, in bytes. Beyond this size, no further answer
 * is built.
 */
const HELD_BYTES = 32 * 1024 * 1024
/** When no memory is left, a finished answer is dropped if it exceeds this size, in bytes. */
const LONG_BYTES = HELD_BYTES / 2
/**
 * Maximum number of answers to build at a time. The size of an answer is unknown until it is built, and may
 * be many MiB.
 */
const MADE = 4
/**
 * Time, in milliseconds, after which a client with unread data is disconnected if other clients wait for
 * memory.
 */
const IN_NEED_MS = 10_000
const LOOK_MS = 1000

/** The receiver of an answer. */
export interface Reader {
  response: ServerResponse
  /** Address of the client. */
  address: string
  /** Id of the client's key; undefined at the hub's own Unix socket. */
  key: string | undefined
}

export interface UnreadOptions {
  /** Time after which a client that reads nothing is disconnected, in milliseconds. */
  stallMs: number
  clock: Clock
  notices: Notices
}

interface Held {
  since: number
  giveBack(): void
}

/** Limits the memory of answers that clients have not read yet. */
export class Unread {
  readonly #stallMs: number
  readonly #clock: Clock
  readonly #notices: Notices
  readonly #bytes = new Shares(HELD_BYTES)
  readonly #made = new Shares(MADE)
  readonly #holding = new Map<Reader, Held>()
  /** Ordered by waiting time, longest first. */
  readonly #waiting = new Map<Reader, (done: (() => void) | undefined) => void>()
  /** True if an answer was dropped and the memory has been full since. */
  #givenUp = false
  #timer: Timer | undefined

  constructor({ stallMs, clock, notices }: UnreadOptions) {
    this.#stallMs = stallMs
    this.#clock = clock
    this.#notices = notices
  }

  /** Starts counting a client's unread data. */
  watch(reader: Reader) {
    const { response } = reader
    response.once('close', () => {
      this.#waiting.get(reader)?.(undefined)
      this.#waiting.delete(reader)
      this.release(reader)
    })
    // Node emits no event `timeout` while the operating system still accepts data.
    response.on('timeout', () => this.#cut(reader))
  }

  /**
   * Waits for memory, and then builds an answer or the next part of an answer.
   * @returns undefined if the client has disconnected
   * @throws HttpError if the answer is too long for the memory that is left
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
        const waitS = IN_NEED_MS / 1000
        throw new HttpError(
          503,
          'busy',
          'Too many long answers are waiting for clients to read them.',
          { remedy: `Try again in ${waitS} seconds.` },
          waitS,
        )
      }
      this.hold(reader, bytes)
      return made
    } finally {
      done()
      this.#admit()
    }
  }

  /** Reports whether there is memory for further data of the reader's key. */
  hasRoom({ key }: Reader): boolean {
    // A key without unread data never waits for other keys, so answers may exceed the memory limit.
    return this.#bytes.of(key) === 0 || !this.#bytes.beyond(key)
  }

  /** Counts data as unread, in place of the reader's earlier data. */
  hold(reader: Reader, bytes: number) {
    const { response, key } = reader
    if (bytes === 0 || response.destroyed) return
    response.setTimeout(this.#stallMs)
    this.#holding.get(reader)?.giveBack()
    const giveBack = this.#bytes.take(key, bytes)
    this.#holding.set(reader, { since: this.#clock.monotonic(), giveBack })
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  /** Frees the memory of a client that has read everything. */
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

  /** True if no memory is left. */
  get #isFull() {
    return this.#bytes.beyond(undefined) !== undefined
  }

  #admit() {
    for (const [reader, resolve] of this.#waiting) {
      const { key } = reader
      const scarcity = this.#made.beyond(key)
      if (scarcity === 'all') return
      if (scarcity || !this.hasRoom(reader)) continue
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
    this.#notices.tell(reader.address, 'answer ended: the client does not read it')
    reader.response.destroy()
  }
}
