import type { Edge } from './build.ts'

/** Maximum number of remembered sets. */
const REMEMBERED = 2000
/** Maximum number of other sets for which a set remembers the results of `answer`. */
const ANSWERS = 1000
/** Number of values that each half of a set's key can have. */
const HALF = 2 ** 26

/** A set of states. */
export class StateSet {
  readonly states: readonly number[]
  /** The sets that follow this set, by the class of the next character. */
  readonly next: StateSet[] = []
  /** True if it contains a state that ends a match. */
  readonly ends: boolean
  #members: Set<number> | undefined
  #answers: Map<StateSet, boolean[]> | undefined

  constructor(states: readonly number[], ends: boolean) {
    this.states = states
    this.ends = ends
  }

  has(state: number): boolean {
    this.#members ??= new Set(this.states)
    return this.#members.has(state)
  }

  /**
   * Returns the result of `compute` for this set, another set, and a class of characters. Remembers the
   * result.
   */
  answer(other: StateSet, unit: number, compute: () => boolean): boolean {
    if (!this.#answers || this.#answers.size >= ANSWERS) this.#answers = new Map()
    const answers = this.#answers.get(other) ?? []
    this.#answers.set(other, answers)
    const answer = answers[unit] ?? compute()
    answers[unit] = answer
    return answer
  }
}

export interface StateSetsOptions {
  edges: readonly Edge[]
  /** State in which a match begins. A match may begin before any character of the text. */
  start: number
  /** State in which a match ends. */
  end: number
  /** Number of states. */
  count: number
}

/**
 * Follows all possible matches through a text at the same time, and remembers the sets of states that have
 * occurred.
 */
export class StateSets {
  readonly first: StateSet
  readonly #edges: Edge[][]
  readonly #end: number
  readonly #known = new Map<number, StateSet>()
  /** States that follow a state, by the class of the next character. */
  readonly #follow: (number[] | undefined)[][]
  /**
   * Random numbers for each state. The random numbers of a set's states, combined with XOR, identify the set.
   */
  readonly #keys: [high: number, low: number][]
  /** Number of the last step in which each state was added. */
  readonly #added: Int32Array
  #steps = 0

  constructor({ edges, start, end, count }: StateSetsOptions) {
    this.#edges = Array.from({ length: count }, () => [])
    for (const edge of edges) this.#edges[edge.from]!.push(edge)
    this.#follow = Array.from({ length: count }, () => [])
    this.#keys = Array.from({ length: count }, () => [random(), random()])
    this.#added = new Int32Array(count)
    this.#end = end
    this.first = this.#setOf([this.#closed([start])])
  }

  /** Returns the set to which a character of class `unit` leads from `set`. */
  step(set: StateSet, unit: number): StateSet {
    const known = set.next[unit]
    if (known) return known
    const parts = [this.first.states, ...set.states.map((state) => this.#following(state, unit))]
    const after = this.#setOf(parts)
    set.next[unit] = after
    return after
  }

  #following(state: number, unit: number): readonly number[] {
    const known = this.#follow[state]![unit]
    if (known) return known
    const edges = this.#edges[state]!.filter(({ classes }) => classes?.has(unit))
    const states = this.#closed(edges.map(({ to }) => to))
    this.#follow[state]![unit] = states
    return states
  }

  /** Returns these states, and all states that can be reached from them without a character. */
  #closed(states: number[]): number[] {
    const closed = new Set(states)
    // The loop also visits states that the loop itself adds.
    for (const state of closed)
      for (const { to, classes } of this.#edges[state]!) if (!classes) closed.add(to)
    return [...closed]
  }

  #setOf(parts: readonly (readonly number[])[]): StateSet {
    if (++this.#steps === 2 ** 31 - 1) {
      this.#added.fill(0)
      this.#steps = 1
    }
    const states: number[] = []
    let [high, low] = [0, 0]
    for (const part of parts)
      for (const state of part) {
        if (this.#added[state] === this.#steps) continue
        this.#added[state] = this.#steps
        states.push(state)
        high ^= this.#keys[state]![0]
        low ^= this.#keys[state]![1]
      }
    return this.#unique(high * HALF + low, states)
  }

  #unique(key: number, states: number[]): StateSet {
    const known = this.#known.get(key)
    if (known) return known
    if (this.#known.size >= REMEMBERED) this.#forget()
    const made = new StateSet(states, this.#added[this.#end] === this.#steps)
    this.#known.set(key, made)
    return made
  }

  #forget() {
    // Remove the references between sets, or they would keep each other in memory.
    for (const set of this.#known.values()) set.next.length = 0
    this.first.next.length = 0
    this.#known.clear()
  }
}

const random = () => Math.floor(Math.random() * HALF)
