import type { Clock } from '../../platform/clock.ts'
import { networkOf } from './address.ts'

/** Failures of an address that have no consequence: keys are mistyped, and machines removed. */
const FREE = 20
/** What the next one costs, in milliseconds. Doubles with each, up to `MOST_MS`. */
const FIRST_MS = 1000
const MOST_MS = 60_000
/** An address without a failure for so long begins anew. */
const FORGET_MS = 600_000
/** Addresses that are remembered. */
const MOST_ADDRESSES = 10_000

interface Record {
  failures: number
  at: number
  until: number
}

/**
 * Failed authentication by address. A key that is accepted is let in whatever came before from its address, which may
 * be that of a whole company: waiting is for others. Keys and tokens have too many bits to be guessed at any speed.
 */
export class Failures {
  readonly #clock: Clock
  readonly #records = new Map<string, Record>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes a failure. @returns how long the address has to wait, in milliseconds; 0 while it need not */
  failed(address: string): number {
    const now = this.#clock.monotonic()
    const network = networkOf(address)
    const known = this.#records.get(network)
    // What comes while it has to wait does not prolong that: it would never hear again what is wrong.
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
