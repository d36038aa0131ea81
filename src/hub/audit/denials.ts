import type { Clock, Timer } from '../../platform/clock.ts'
import type { Said } from './audit.ts'
import { Budgets } from './budgets.ts'

/**
 * Period, in milliseconds, in which attempts of one kind make at most two entries: an entry for the first
 * attempt, and an entry that counts the other attempts.
 */
const WINDOW_MS = 3_600_000
/**
 * Maximum number of kinds that get separate entries at once; one more kind each period. Otherwise, attempts that
 * continue for weeks would fill the log. Each key has its own limit. All requests without a key share one limit.
 */
const KINDS = 20

interface Seen {
  /** Number of attempts since the first entry. */
  further: number
  /** Fields that these attempts have in common. */
  said?: Said
}

/**
 * Records attempts that had no effect, because they were refused or repeated. Limits the number of their
 * entries, so that nobody can use them to push orders out of the log.
 */
export class Denials {
  readonly #note: (said: Said) => void
  readonly #clock: Clock
  readonly #kinds: Budgets
  /** Attempts by key, then by kind. */
  readonly #seen = new Map<string, Map<string, Seen>>()
  #timer: Timer | undefined

  constructor({ note, clock }: { note: (said: Said) => void; clock: Clock }) {
    this.#note = note
    this.#clock = clock
    this.#kinds = new Budgets({ most: KINDS, periodMs: WINDOW_MS, clock })
  }

  add(said: Said) {
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS).unref()
    const { key_id, from, action, outcome, code } = said
    const whose = key_id ?? ''
    const kinds = this.#seen.get(whose) ?? new Map<string, Seen>()
    this.#seen.set(whose, kinds)
    const kind = JSON.stringify([key_id ?? from, action, outcome, code])
    if (kinds.has(kind)) return count(kinds, kind, said)
    if (this.#kinds.draw(whose) > 0) return count(kinds, outcome, { ...said, action: 'others' })
    kinds.set(kind, { further: 0 })
    this.#note(said)
  }

  /** Records the counted attempts. */
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

/** Returns the fields that both attempts have in common. Always includes `action` and `outcome`. */
function common(before: Said, said: Said): Said {
  const { action, outcome } = before
  const fields = Object.entries(before).filter(([name, value]) => said[name as keyof Said] === value)
  return { ...Object.fromEntries(fields), action, outcome }
}
