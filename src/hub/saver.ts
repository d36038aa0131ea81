import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** Statuses change often and the newest is all that counts: between two rounds, in each of which each is written once. */
const SAVE_MS = 1000
/** Time that writing takes before others are served, who then have as much. */
const SLICE_MS = 20

/** Writes what has changed, a little later, once however often it changed; tries again while the disk does not take it. */
export class Saver {
  readonly #clock: Clock
  readonly #logger: Logger
  /** To be written in the next round. */
  #due = new Map<string, () => void>()
  /** What is left of the present round. */
  #round = new Map<string, () => void>()
  #timer: Timer | undefined
  /** Whether something could not be written in the last whole round, or since. */
  #failing = false
  /** The same of the present round. */
  #failed = false

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  /** @param write throws the system's error */
  later(name: string, write: () => void) {
    // Its turn in the present round stays: it would never come where there is something new again and again.
    const round = this.#round.has(name) ? this.#round : this.#due
    round.set(name, write)
    this.#schedule(SAVE_MS)
  }

  /** Writes at once what `later` would; later only where the disk does not take it. */
  now(name: string, write: () => void) {
    if (this.#try(write)) this.drop(name)
    else this.later(name, write)
  }

  drop(name: string) {
    this.#due.delete(name)
    this.#round.delete(name)
  }

  close() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const due of [this.#round, this.#due]) {
      for (const write of due.values()) this.#try(write)
      due.clear()
    }
  }

  #schedule(ms: number) {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#save()
    }, ms)
  }

  #save() {
    const until = this.#clock.monotonic() + SLICE_MS
    if (this.#round.size === 0) {
      ;[this.#round, this.#due] = [this.#due, this.#round]
      this.#failed = false
    }
    for (const [name, write] of this.#round) {
      this.#round.delete(name)
      if (!this.#try(write)) {
        this.#failed = true
        this.#due.set(name, write)
      }
      if (this.#clock.monotonic() > until) break
    }
    if (this.#round.size > 0) return this.#schedule(SLICE_MS)
    this.#failing = this.#failed
    if (this.#due.size > 0) this.#schedule(SAVE_MS)
  }

  #try(write: () => void): boolean {
    try {
      write()
      return true
    } catch (error) {
      if (!this.#failing) this.#logger.error({ err: error }, 'a status could not be written')
      this.#failing = true
      return false
    }
  }
}
