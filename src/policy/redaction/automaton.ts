import { build, type Edge } from './build.ts'
import type { Pattern } from './parse-pattern.ts'
import { type StateSet, StateSets } from './state-sets.ts'

/** Length of the pieces in which a long text is searched, in characters. Short pieces need less memory. */
const PIECE_CHARS = 16 * 1024
/**
 * Number of characters before and after a piece that are searched together with the piece. Matches up to this
 * length are always found completely.
 */
const AROUND_CHARS = 4096

export type Part = [from: number, to: number]

/**
 * Finds all matches of some patterns in a text. The automaton follows all possible matches at the same time,
 * so the time depends only on the text's length.
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
   * Returns the offsets of the matched parts of a text. Matches that overlap or are adjacent become one
   * part. In a long text, a match that is longer than `AROUND_CHARS` may be incomplete.
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

  /**
   * Adds the matched parts of a piece that are between its offsets `from` and `to`.
   * @param begin offset of the piece in its text
   */
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

  /**
   * Returns, for each offset in a text, the states from which the following characters can complete a match.
   */
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

  /**
   * Reports whether a character belongs to a match, because it leads from a state in `before` to a state in
   * `after`.
   */
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
