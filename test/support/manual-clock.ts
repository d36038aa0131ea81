import type { Clock, Timer } from '../../src/platform/clock.ts'

interface Due {
  at: number
  run: () => void
}

/** A clock that a test advances. */
export class ManualClock implements Clock {
  #now = 0
  #jumped = 0
  readonly #due = new Map<Timer, Due>()

  now() {
    return this.#now + this.#jumped
  }

  monotonic() {
    return this.#now
  }

  setTimeout(run: () => void, ms: number): Timer {
    // This timer never fires. It is only a value that the caller can pass to `clearTimeout`.
    const timer = setTimeout(() => {}, 2 ** 31 - 1).unref()
    this.#due.set(timer, { at: this.#now + ms, run })
    return timer
  }

  clearTimeout(timer: Timer) {
    clearTimeout(timer)
    this.#due.delete(timer)
  }

  /** Advances only the wall clock, as if the machine had slept. */
  jump(ms: number) {
    this.#jumped += ms
  }

  /** Advances the time by `ms`, and runs each due timer at its time. */
  pass(ms: number) {
    const until = this.#now + ms
    for (;;) {
      const [next] = [...this.#due].sort(([, a], [, b]) => a.at - b.at)
      if (!next || next[1].at > until) break
      this.#now = next[1].at
      this.clearTimeout(next[0])
      next[1].run()
    }
    this.#now = until
  }
}
