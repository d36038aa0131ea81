import type { Clock, Timer } from '../../platform/clock.ts'
import type { Said } from './audit.ts'

/** Attempts of one kind within this time are one entry, and one with their number. */
const WINDOW_MS = 600_000
/** Kinds within that time that have entries of their own; the rest is counted together. */
const KINDS = 20

interface Seen {
  said: Said
  /** Since its entry. */
  further: number
}

/** Attempts that were refused, so few of them that nobody can push out of the log what was done. */
export class Denials {
  readonly #note: (said: Said) => void
  readonly #clock: Clock
  readonly #seen = new Map<string, Seen>()
  #others: Seen | undefined
  #timer: Timer | undefined

  constructor(note: (said: Said) => void, clock: Clock) {
    this.#note = note
    this.#clock = clock
  }

  add(said: Said) {
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS)
    const { by, key_id, from, action, code } = said
    const kind = JSON.stringify([key_id ?? from, action, code])
    const seen = this.#seen.get(kind)
    if (seen) seen.further++
    else if (this.#seen.size < KINDS) {
      this.#seen.set(kind, { said, further: 0 })
      this.#note(said)
    } else {
      this.#others ??= {
        said: { action: 'others', outcome: 'refused', ...(by === undefined && { code }) },
        further: 0,
      }
      this.#others.further++
    }
  }

  /** Notes what was counted. */
  flush() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { said, further } of [...this.#seen.values(), ...(this.#others ? [this.#others] : [])])
      if (further > 0) this.#note({ ...said, times: further })
    this.#seen.clear()
    this.#others = undefined
  }
}
