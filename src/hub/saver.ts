import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** Statuses change often and the newest is all that counts: each is written at most this often. */
const SAVE_MS = 1000
/** Time that writing takes before others are served. */
const SLICE_MS = 20

/** Writes what has changed, a little later, once however often it changed; tries again while the disk does not take it. */
export class Saver {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #due = new Map<string, () => void>()
  #timer: Timer | undefined
  #failing = false

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  /** @param write throws the system's error */
  later(name: string, write: () => void) {
    this.#due.set(name, write)
    this.#schedule(SAVE_MS)
  }

  /** Writes at once what `later` would; later only where the disk does not take it. */
  now(name: string, write: () => void) {
    if (this.#try(write)) this.drop(name)
    else this.later(name, write)
  }

  drop(name: string) {
    this.#due.delete(name)
  }

  close() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const write of this.#due.values()) this.#try(write)
    this.#due.clear()
  }

  #schedule(ms: number) {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#save()
    }, ms)
  }

  #save() {
    const until = this.#clock.monotonic() + SLICE_MS
    let failed = false
    for (const [name, write] of [...this.#due]) {
      if (this.#clock.monotonic() > until) break
      this.#due.delete(name)
      if (this.#try(write)) continue
      failed = true
      this.#due.set(name, write)
    }
    this.#failing = failed
    if (this.#due.size > 0) this.#schedule(failed ? SAVE_MS : 0)
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
