import { HttpError } from '../http-error.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'
import type { Reader, Unread } from './unread.ts'

export interface FollowersOptions {
  /** Maximum number of streams. */
  most: number
  notices: Notices
  unread: Unread
}

/** Limits streams. */
export class Followers {
  readonly #options: FollowersOptions
  readonly #shares: Shares

  constructor(options: FollowersOptions) {
    this.#options = options
    this.#shares = new Shares(options.most)
  }

  /** Number of open streams. */
  get size(): number {
    return this.#shares.taken
  }

  /** Begins a stream. @throws HttpError if there are too many */
  follow(reader: Reader): Follower {
    const { most, notices, unread } = this.#options
    const { address, key, response } = reader
    const scarcity = this.#shares.beyond(key)
    if (scarcity) {
      notices.tell(address, 'stream refused: too many streams', { most, key_id: key })
      throw new HttpError(
        503,
        'too_many_streams',
        scarcity === 'all'
          ? `This hub has ${most} streams, which is the maximum.`
          : `This key has half of the ${most} streams of this hub, which is the maximum for one key.`,
        {
          remedy:
            'Close streams that nobody reads, or read pages instead: `GET /api/agents/:agent_id/events`.',
        },
      )
    }
    // If the client has already disconnected, no event `close` follows, so a place taken for this client
    // would never be freed.
    if (!response.destroyed) response.once('close', this.#shares.take(key))
    unread.watch(reader)
    return new Follower(reader, unread)
  }
}

/** A client that follows a stream. */
export class Follower {
  readonly #reader: Reader
  readonly #unread: Unread

  constructor(reader: Reader, unread: Unread) {
    this.#reader = reader
    this.#unread = unread
  }

  get response() {
    return this.#reader.response
  }

  /** True if the client may get data that is already in memory. */
  get hasRoom() {
    return this.#unread.hasRoom(this.#reader)
  }

  /**
   * Calls `read` once there is memory for an answer, and returns the result, which counts as unread. Must be
   * called only after the client has received the previous part of the stream.
   */
  next(read: () => Promise<Buffer | undefined>): Promise<Buffer | undefined> {
    this.release()
    return this.#unread.turn(this.#reader, read, (text) => text?.length ?? 0)
  }

  /** Counts data as unread. */
  hold(bytes: number) {
    this.#unread.hold(this.#reader, bytes)
  }

  /** Stops counting data, because the client has received it. */
  release() {
    this.#unread.release(this.#reader)
  }
}
