import { fullJitter } from '../platform/backoff.ts'
import type { Clock, Timer } from '../platform/clock.ts'

/** Duration of a connection, in ms, after which the backoff starts from the beginning. */
const STABLE_MS = 30_000
/**
 * If the server sets a delay, a random time of up to this share of the delay is added. The server's clients
 * then do not all reconnect at the same time.
 */
const SPREAD = 0.2

/** Decides when to open a connection to the server. */
export class Attempts {
  readonly #options: { clock: Clock; random: () => number; dial(): void }
  /** Number of attempts since the last connection that lasted at least `STABLE_MS`. */
  count = 0
  #retry: Timer | undefined

  constructor(options: { clock: Clock; random: () => number; dial(): void }) {
    this.#options = options
  }

  get isWaiting() {
    return this.#retry !== undefined
  }

  /** Dials at once and resets the backoff. */
  start() {
    this.count = 0
    this.#dial()
  }

  /**
   * Dials after a delay.
   * @param waitMs delay that the server has set; by default, the backoff decides
   * @returns the delay in ms
   */
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
