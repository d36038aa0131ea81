import type { Clock, Timer } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'

/**
 * Interval between rounds of writes, in milliseconds. Each round writes a changed status only once, because
 * statuses change often and only the latest status counts.
 */
const SAVE_MS = 1000
/**
 * Maximum time of continuous writing, in milliseconds. After that, the writer pauses for the same time, so
 * that other work can run.
 */
const SLICE_MS = 20

/** Debounces writes: one delayed write covers many changes. Retries failed writes. A deletion is a write, too. */
export class DebouncedWriter {
  readonly #clock: Clock
  readonly #logger: Logger
  /** Writes of the next round. */
  #due = new Map<string, () => void>()
  /** Remaining writes of the current round. */
  #round = new Map<string, () => void>()
  #timer: Timer | undefined
  /** True if a write failed in the last complete round or after it. */
  #failing = false
  /** True if a write failed in the current round. */
  #failed = false

  constructor({ clock, logger }: { clock: Clock; logger: Logger }) {
    this.#clock = clock
    this.#logger = logger
  }

  /** Schedules a write. @param write throws the system error */
  later(name: string, write: () => void) {
    // Keep the write in the current round if it is there. Otherwise, a status that keeps changing would never
    // be written.
    const round = this.#round.has(name) ? this.#round : this.#due
    round.set(name, write)
    this.#schedule(SAVE_MS)
  }

  /** Writes at once, or retries later if that fails. */
  now(name: string, write: () => void) {
    if (this.#try(write)) this.#drop(name)
    else this.later(name, write)
  }

  close() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const due of [this.#round, this.#due]) {
      for (const write of due.values()) this.#try(write)
      due.clear()
    }
  }

  #drop(name: string) {
    this.#due.delete(name)
    this.#round.delete(name)
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
      if (!this.#failing) this.#logger.error({ err: error }, 'could not write or delete a file; will retry')
      this.#failing = true
      return false
    }
  }
}
