import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../platform/clock.ts'
import { Fault } from '../fault.ts'
import type { Notices } from './notices.ts'

/** What may wait, over all streams, to be taken by their clients, in bytes. More is not read from the disk meanwhile. */
const HELD_BYTES = 32 * 1024 * 1024
/** Streams that read at the same time: what one reads is not known before, and may be a line of many MiB. */
const READING = 4
/** A client that takes nothing for so long is ended; it comes back to where it was. */
const STALLED_MS = 60_000
/** The same while others wait for memory. */
const STALLED_IN_NEED_MS = 10_000
const LOOK_MS = 1000

export interface FollowersOptions {
  /** Most streams. */
  most: number
  clock: Clock
  notices: Notices
}

/** Clients that follow, and the memory of what they have not taken yet. */
export class Followers {
  readonly #options: FollowersOptions
  /** Those that hold something, the one that does so for longest first. */
  readonly #holding = new Set<Follower>()
  readonly #waiting: (() => void)[] = []
  #open = 0
  #held = 0
  #reading = 0
  #timer: Timer | undefined

  constructor(options: FollowersOptions) {
    this.#options = options
  }

  /** @throws Fault where there are too many */
  follow(address: string, response: ServerResponse): Follower {
    const { most, notices } = this.#options
    if (this.#open >= most) {
      notices.tell(address, 'stream refused: there are too many', { most })
      throw new Fault(503, 'too_many_streams', `There are ${most} streams, as many as this hub serves.`, {
        remedy: 'End some that nobody reads, or read pages instead: `GET /api/agents/:agent_id/events`.',
      })
    }
    this.#open++
    const follower = new Follower(response, {
      turn: (follower, read) => this.#turn(follower, read),
      release: (follower) => this.#release(follower),
      closed: () => this.#open--,
      cut: () => {
        notices.tell(address, 'stream ended: its client takes nothing')
        response.destroy()
      },
    })
    response.once('close', () => follower.close())
    return follower
  }

  close() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
  }

  async #turn(follower: Follower, read: () => Promise<string | undefined>) {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      this.#admit()
    })
    try {
      const text = await read()
      if (text) this.#hold(follower, Buffer.byteLength(text))
      return text
    } finally {
      this.#reading--
      this.#admit()
    }
  }

  #hold(follower: Follower, bytes: number) {
    if (follower.closed) return
    follower.held = bytes
    follower.since = this.#options.clock.monotonic()
    this.#held += bytes
    this.#holding.add(follower)
    this.#timer ??= this.#options.clock.setTimeout(() => this.#look(), LOOK_MS)
  }

  #release(follower: Follower) {
    if (!this.#holding.delete(follower)) return
    this.#held -= follower.held
    this.#admit()
  }

  #admit() {
    while (this.#waiting.length > 0 && this.#reading < READING && this.#held < HELD_BYTES) {
      this.#reading++
      this.#waiting.shift()!()
    }
  }

  #look() {
    const { clock } = this.#options
    const now = clock.monotonic()
    const patience = this.#held >= HELD_BYTES ? STALLED_IN_NEED_MS : STALLED_MS
    for (const follower of [...this.#holding]) if (now - follower.since >= patience) follower.cut()
    this.#timer = this.#holding.size > 0 ? clock.setTimeout(() => this.#look(), LOOK_MS) : undefined
  }
}

interface Hooks {
  turn(follower: Follower, read: () => Promise<string | undefined>): Promise<string | undefined>
  release(follower: Follower): void
  closed(): void
  cut(): void
}

/** One client that follows. */
export class Follower {
  readonly response: ServerResponse
  readonly #hooks: Hooks
  held = 0
  since = 0
  closed = false

  constructor(response: ServerResponse, hooks: Hooks) {
    this.response = response
    this.#hooks = hooks
  }

  /** The client has taken what was read before. @returns what `read` does, when there is memory for it */
  next(read: () => Promise<string | undefined>): Promise<string | undefined> {
    this.#hooks.release(this)
    return this.#hooks.turn(this, read)
  }

  cut() {
    this.#hooks.release(this)
    this.#hooks.cut()
  }

  close() {
    if (this.closed) return
    this.closed = true
    this.#hooks.release(this)
    this.#hooks.closed()
  }
}
