import { randomBytes } from 'node:crypto'
import { type Clock, isoTime } from '../../platform/clock.ts'
import type { SignInToken } from '../../protocol/index.ts'
import { hashOf } from '../store/key-text.ts'
import type { Sessions } from './sessions.ts'
import type { Caller } from './user-keys.ts'

/** Prefix that identifies the kind of a token, for example of a token that was found in a file. */
const PREFIX = 'fst_'
const TOKEN_BYTES = 24
/** Time for which a token is valid, in milliseconds: a browser may have to start first. */
const VALID_MS = 60_000
/** Maximum number of tokens of one key. */
const MOST_OF_KEY = 8

/** A token that was not used yet. */
interface Open {
  by: Caller
  untilMs: number
}

/**
 * The one-time tokens with which browsers sign in. They are only in memory, because they are valid for a
 * minute.
 */
export class SignInTokens {
  readonly #sessions: Sessions
  readonly #clock: Clock
  /** Tokens by their hashes, oldest first. */
  readonly #open = new Map<string, Open>()

  constructor({ sessions, clock }: { sessions: Sessions; clock: Clock }) {
    this.#sessions = sessions
    this.#clock = clock
  }

  /** Creates a token. If its key has too many tokens, the oldest becomes invalid. */
  make(by: Caller): SignInToken {
    const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
    const now = this.#clock.now()
    for (const [hash, { untilMs }] of this.#open) if (untilMs <= now) this.#open.delete(hash)
    const ofKey = [...this.#open].filter(([, each]) => each.by.key_id === by.key_id)
    const [oldest] = ofKey
    if (oldest && ofKey.length >= MOST_OF_KEY) this.#open.delete(oldest[0])
    const untilMs = now + VALID_MS
    this.#open.set(hashOf(token), { by, untilMs })
    return { token, expires_at: isoTime(untilMs) }
  }

  /**
   * Returns the creator of a valid token, with the current role of the creator's key. A token is invalid as
   * soon as the key or the session of its creator is.
   */
  async creatorOf(token: string): Promise<Caller | undefined> {
    const open = this.#open.get(hashOf(token))
    return open && this.#clock.now() < open.untilMs ? this.#sessions.current(open.by) : undefined
  }

  /** Makes a token invalid. @returns false if it already was */
  use(token: string): boolean {
    return this.#open.delete(hashOf(token))
  }
}
