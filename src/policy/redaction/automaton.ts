import { build, type Edge } from './build.ts'
import type { Pattern } from './parse-pattern.ts'
import { type StateSet, StateSets } from './state-sets.ts'

/** Length of the pieces in which a long text is searched, in characters: they bound the memory. */
const PIECE_CHARS = 16 * 1024
/** Length of the text around a piece, in characters. Matches up to this length are complete. */
const AROUND_CHARS = 4096

export type Part = [from: number, to: number]

/**
 * Finds everything that some patterns match, in a time that grows with the text's length alone, because it follows all
 * matches at once.
 */
export class Automaton {
  readonly #classOf: Uint8Array
  readonly #edges: Edge[][]
  readonly #forward: StateSets
  readonly #backward: StateSets

  /** @throws Error if the patterns together are too large */
  constructor(patterns: readonly Pattern[]) {
    const { edges, start, end, count, classOf } = build(patterns)
    this.#classOf = classOf
    this.#edges = Array.from({ length: count }, () => [])
    for (const edge of edges) if (edge.classes) this.#edges[edge.from]!.push(edge)
    const back = edges.map(({ from, to, ...rest }) => ({ from: to, to: from, ...rest }))
    this.#forward = new StateSets({ edges, start, end, count })
    this.#backward = new StateSets({ edges: back, start: end, end: start, count })
  }

  /**
   * Returns the matched parts of a text, as offsets. Matches that overlap or touch are one part. In a long text, the
   * longest matches may be incomplete (`AROUND_CHARS`).
   */
  matches(text: string): Part[] {
    const parts: Part[] = []
    if (!this.#hasMatch(text)) return parts
    for (let from = 0; from < text.length; from += PIECE_CHARS) {
      const begin = Math.max(0, from - AROUND_CHARS)
      const piece = text.slice(begin, from + PIECE_CHARS + AROUND_CHARS)
      const to = Math.min(piece.length, from - begin + PIECE_CHARS)
      this.#add(parts, piece, { from: from - begin, to, begin })
    }
    return parts
  }

  /** Adds the parts of a piece between two of its offsets. @param begin offset of the piece in its text */
  #add(parts: Part[], piece: string, { from, to, begin }: { from: number; to: number; begin: number }) {
    const completing = this.#completing(piece)
    let set = this.#forward.first
    for (let at = 0; at < to; at++) {
      const unit = this.#classAt(piece, at)
      if (at >= from && this.#isWithin(set, unit, completing[at + 1]!)) {
        const last = parts.at(-1)
        if (last?.[1] === begin + at) last[1]++
        else parts.push([begin + at, begin + at + 1])
      }
      set = this.#forward.step(set, unit)
    }
  }

  #hasMatch(text: string): boolean {
    let set = this.#forward.first
    for (let at = 0; at < text.length; at++) {
      set = this.#forward.step(set, this.#classAt(text, at))
      if (set.ends) return true
    }
    return false
  }

  /** Returns, for each place in a text, the states from which a match can be completed. */
  #completing(text: string): StateSet[] {
    const sets: StateSet[] = new Array(text.length + 1)
    let set = this.#backward.first
    sets[text.length] = set
    for (let at = text.length - 1; at >= 0; at--) {
      set = this.#backward.step(set, this.#classAt(text, at))
      sets[at] = set
    }
    return sets
  }

  /** Reports whether a character leads from a state of a match to a state that can complete it. */
  #isWithin(before: StateSet, unit: number, after: StateSet): boolean {
    return before.answer(after, unit, () =>
      before.states.some((state) =>
        this.#edges[state]!.some(({ to, classes }) => classes!.has(unit) && after.has(to)),
      ),
    )
  }

  #classAt(text: string, at: number): number {
    return this.#classOf[text.charCodeAt(at)]!
  }
}
