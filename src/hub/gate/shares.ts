/** Why there is no more of something: all of it is taken, or one key has its half. */
export type Scarcity = 'all' | 'key'

/** What keys share: no key gets more than half of it, so that the others have some. */
export class Shares {
  readonly #most: number
  readonly #ofKey = new Map<string | undefined, number>()
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** @param key undefined for requests at the hub's own Unix socket, which may have all of it */
  beyond(key: string | undefined, amount = 1): Scarcity | undefined {
    if (this.#taken + amount > this.#most) return 'all'
    const half = Math.ceil(this.#most / 2)
    return key !== undefined && this.of(key) + amount > half ? 'key' : undefined
  }

  /** What a key has of it. */
  of(key: string | undefined): number {
    return this.#ofKey.get(key) ?? 0
  }

  /** @returns a function that gives it back; called again, it does nothing */
  take(key: string | undefined, amount = 1): () => void {
    this.#add(key, amount)
    let taken = true
    return () => {
      if (taken) this.#add(key, -amount)
      taken = false
    }
  }

  #add(key: string | undefined, amount: number) {
    this.#taken += amount
    const sum = this.of(key) + amount
    if (sum === 0) this.#ofKey.delete(key)
    else this.#ofKey.set(key, sum)
  }
}
