import type { Clock, Timer } from '../../platform/clock.ts'
import type { Said } from './audit.ts'

/** Attempts of one kind within this time are one entry, and one with their number. */
const WINDOW_MS = 600_000
/** Kinds within that time that have entries of their own, for each key, and for all strangers; the rest is counted together. */
const KINDS = 20

interface Seen {
  /** Attempts since its entry. */
  further: number
  /** What is true of all of these. */
  said?: Said
}

/**
 * Attempts by which nothing was done: refused, or given before. There are so few entries of them that nobody can push out of
 * the log what was done.
 */
export class Denials {
  readonly #note: (said: Said) => void
  readonly #clock: Clock
  /** By key, then by kind. */
  readonly #seen = new Map<string, Map<string, Seen>>()
  #timer: Timer | undefined

  constructor(note: (said: Said) => void, clock: Clock) {
    this.#note = note
    this.#clock = clock
  }

  add(said: Said) {
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS)
    const { key_id, from, action, outcome, code } = said
    const whose = key_id ?? ''
    const kinds = this.#seen.get(whose) ?? new Map<string, Seen>()
    this.#seen.set(whose, kinds)
    const kind = JSON.stringify([key_id ?? from, action, outcome, code])
    if (kinds.has(kind)) return count(kinds, kind, said)
    if (kinds.size >= KINDS) return count(kinds, outcome, { ...said, action: 'others' })
    kinds.set(kind, { further: 0 })
    this.#note(said)
  }

  /** Notes what was counted. */
  flush() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    for (const kinds of this.#seen.values())
      for (const { further, said } of kinds.values()) if (said) this.#note({ ...said, times: further })
    this.#seen.clear()
  }
}

function count(kinds: Map<string, Seen>, kind: string, said: Said) {
  const { further, said: before } = kinds.get(kind) ?? { further: 0 }
  kinds.set(kind, { further: further + 1, said: before ? common(before, said) : said })
}

/** What is in both. The same was attempted, and became of it. */
function common(before: Said, said: Said): Said {
  const { action, outcome } = before
  const fields = Object.entries(before).filter(([name, value]) => said[name as keyof Said] === value)
  return { ...Object.fromEntries(fields), action, outcome }
}
