/**
 * An index of keys by an attribute. It is needed because scanning thousands of keys would be slow. The index
 * is rebuilt for each new list.
 */
export class KeyIndex<E> {
  readonly #of: (entry: E) => readonly string[]
  #list: readonly E[] | undefined
  #found = new Map<string, E[]>()

  constructor(of: (entry: E) => readonly string[]) {
    this.#of = of
  }

  /** Returns the matching entries, in the order of the list. */
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
