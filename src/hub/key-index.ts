/** Keys by something that they have, made anew for each list: looking at each of thousands would be slow. */
export class KeyIndex<E> {
  readonly #of: (entry: E) => readonly string[]
  #list: readonly E[] | undefined
  #found = new Map<string, E[]>()

  constructor(of: (entry: E) => readonly string[]) {
    this.#of = of
  }

  /** Those of a list that have this, in its order. */
  find(list: readonly E[], wanted: string): readonly E[] {
    if (this.#list !== list) {
      this.#list = list
      this.#found = new Map()
      for (const entry of list)
        for (const each of this.#of(entry)) {
          const found = this.#found.get(each)
          if (found) found.push(entry)
          else this.#found.set(each, [entry])
        }
    }
    return this.#found.get(wanted) ?? []
  }
}
