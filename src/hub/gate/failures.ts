import type { Clock } from '../../platform/clock.ts'
import { networkOf } from './address.ts'

/**
 * Number of failures of an address that cause no wait: people mistype keys, and removed machines still try to
 * connect.
 */
const FREE = 20
/**
 * Wait after the first failure beyond `FREE`, in milliseconds. Doubles with each further failure, up to
 * `MOST_MS`.
 */
const FIRST_MS = 1000
const MOST_MS = 60_000
/** Time after the last failure at which the count of an address resets, in milliseconds. */
const FORGET_MS = 600_000
/** Maximum number of addresses to remember. */
const MOST_ADDRESSES = 10_000

interface Record {
  failures: number
  at: number
  until: number
}

/**
 * Counts failed authentication by address. Failures never delay an accepted key, because a whole company may
 * share one address. Keys and tokens are too long to be guessed at any speed.
 */
export class Failures {
  readonly #clock: Clock
  readonly #records = new Map<string, Record>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts a failure. @returns the time that the address must wait, in milliseconds; 0 if none */
  add(address: string): number {
    const now = this.#clock.monotonic()
    const network = networkOf(address)
    const known = this.#records.get(network)
    // Failures during the wait do not extend it. Otherwise a client that retries during each wait would never
    // see the real error again.
    if (known && now < known.until) return known.until - now
    const failures = known && now - known.at < FORGET_MS ? known.failures + 1 : 1
    const wait = failures > FREE ? Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - FREE - 1, 16)) : 0
    this.#records.delete(network)
    this.#records.set(network, { failures, at: now, until: now + wait })
    const [oldest] = this.#records.keys()
    if (this.#records.size > MOST_ADDRESSES && oldest !== undefined) this.#records.delete(oldest)
    return 0
  }
}
