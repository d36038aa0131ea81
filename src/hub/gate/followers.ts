import { Fault } from '../fault.ts'
import type { Notices } from './notices.ts'
import { Shares } from './shares.ts'
import type { Reader, Unread } from './unread.ts'

export interface FollowersOptions {
  /** Most streams. */
  most: number
  notices: Notices
  unread: Unread
}

/** Clients that follow. */
export class Followers {
  readonly #options: FollowersOptions
  readonly #shares: Shares

  constructor(options: FollowersOptions) {
    this.#options = options
    this.#shares = new Shares(options.most)
  }

  /** @throws Fault where there are too many */
  follow(reader: Reader): Follower {
    const { most, notices, unread } = this.#options
    const { address, key, response } = reader
    const scarcity = this.#shares.beyond(key)
    if (scarcity) {
      notices.tell(address, 'stream refused: there are too many', { most, key_id: key })
      throw new Fault(
        503,
        'too_many_streams',
        scarcity === 'all'
          ? `There are ${most} streams, as many as this hub serves.`
          : `This key has half of the ${most} streams that this hub serves, the most that one key may have.`,
        {
          remedy: 'End some that nobody reads, or read pages instead: `GET /api/agents/:agent_id/events`.',
        },
      )
    }
    // One that has gone meanwhile has closed already, and would keep its place.
    if (!response.destroyed) response.once('close', this.#shares.take(key))
    unread.watch(reader)
    return new Follower(reader, unread)
  }
}

/** One client that follows. */
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

  /** The client has taken what was read before. @returns what `read` does, when there is memory for it */
  next(read: () => Promise<Buffer | undefined>): Promise<Buffer | undefined> {
    this.#unread.release(this.#reader)
    return this.#unread.turn(this.#reader, read, (text) => text?.length ?? 0)
  }
}
