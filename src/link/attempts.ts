import { fullJitter } from '../platform/backoff.ts'
import type { Clock, Timer } from '../platform/clock.ts'

/**
 * Minimum duration of a good connection, in ms. After a good connection, the backoff starts from the
 * beginning.
 */
const STABLE_MS = 30_000
/**
 * Maximum random time to add to a wait that the server has set, so that its clients do not all return at
 * once.
 */
const SPREAD = 0.2

/** Decides when to dial. */
export class Attempts {
  readonly #options: { clock: Clock; random: () => number; dial(): void }
  /** Number of attempts since the last good connection. */
  count = 0
  #retry: Timer | undefined

  constructor(options: { clock: Clock; random: () => number; dial(): void }) {
    this.#options = options
  }

  get isWaiting() {
    return this.#retry !== undefined
  }

  /** Dials now, as if for the first time. */
  start() {
    this.count = 0
    this.#dial()
  }

  /** Dials after a wait. @param waitMs time that the server has set. Default: backoff @returns the wait in ms */
  later(waitMs?: number): number {
    const { clock, random } = this.#options
    const delay = waitMs === undefined ? fullJitter(this.count, { random }) : waitMs * (1 + SPREAD * random())
    this.#retry = clock.setTimeout(() => this.#dial(), delay)
    return delay
  }

  /** @param upMs duration of the current connection, in ms */
  onUp(upMs: number) {
    if (upMs > STABLE_MS) this.count = 0
  }

  cancel() {
    if (this.#retry) this.#options.clock.clearTimeout(this.#retry)
    this.#retry = undefined
  }

  #dial() {
    this.cancel()
    this.count++
    this.#options.dial()
  }
}
