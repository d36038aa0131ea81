/** The reason why a resource is exhausted: the whole resource is used, or the key has used its half. */
export type Scarcity = 'all' | 'key'

/**
 * A resource that keys share. One key gets at most half of the resource, so that other keys always get a
 * part.
 */
export class Shares {
  readonly #most: number
  readonly #ofKey = new Map<string | undefined, number>()
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /**
   * Returns why the amount is not available; undefined if it is available.
   * @param key undefined for requests at the hub's own Unix socket, which can use the whole resource
   */
  beyond(key: string | undefined, amount = 1): Scarcity | undefined {
    if (this.#taken + amount > this.#most) return 'all'
    const half = Math.ceil(this.#most / 2)
    return key !== undefined && this.of(key) + amount > half ? 'key' : undefined
  }

  /** The amount that all keys use. */
  get taken(): number {
    return this.#taken
  }

  /** Returns the amount that a key uses. */
  of(key: string | undefined): number {
    return this.#ofKey.get(key) ?? 0
  }

  /** @returns a function that frees the amount; further calls do nothing */
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
