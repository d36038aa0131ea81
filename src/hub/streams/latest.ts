interface Entry {
  time: string
  key: string
}

/** The keys with the latest times, up to a limit. */
export class Latest {
  readonly #most: number
  /** Latest first. */
  readonly #entries: Entry[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** The keys, latest first. Keys with the same time keep their order. */
  get keys(): string[] {
    return this.#entries.map(({ key }) => key)
  }

  /** @param time ISO 8601 */
  add(time: string, key: string) {
    const entries = this.#entries
    let [low, high] = [0, entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (entries[middle]!.time < time) high = middle
      else low = middle + 1
    }
    if (low === this.#most) return
    entries.splice(low, 0, { time, key })
    if (entries.length > this.#most) entries.pop()
  }
}
