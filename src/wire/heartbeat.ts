import type { Clock, Timer } from '../platform/clock.ts'
import { nextBeat } from '../protocol/heartbeat.ts'
import { Limits } from '../protocol/index.ts'

/** Pings the other end of a connection at intervals, and detects when the other end has become silent. */
export class Heartbeat {
  readonly #clock: Clock
  readonly #on: { beat(now: number): void; silent(): void }
  #heard: number
  #timer: Timer | undefined

  /**
   * @param on `beat` is called at each interval, with the monotonic time. `silent` is called once, instead of
   * `beat`, when nothing has arrived from the other end for too long
   */
  constructor(clock: Clock, on: { beat(now: number): void; silent(): void }) {
    this.#clock = clock
    this.#on = on
    this.#heard = clock.monotonic()
  }

  /** Records that something has arrived from the other end. */
  onHeard() {
    this.#heard = this.#clock.monotonic()
  }

  start(intervalMs: number, last = this.#clock.monotonic()) {
    const beat = () => {
      const now = this.#clock.monotonic()
      // If this process was suspended or had no CPU time, the socket may hold unread data, so ping again
      // before giving up.
      const isLate = now - last > 2 * intervalMs
      if (!isLate && now - this.#heard >= Limits.silence_ms) return this.#on.silent()
      this.start(intervalMs, now)
      this.#on.beat(now)
    }
    this.#timer = this.#clock.setTimeout(beat, nextBeat(this.#heard, last, intervalMs))
  }

  stop() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
  }
}
