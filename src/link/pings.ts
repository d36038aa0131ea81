import type { Clock } from '../platform/clock.ts'

/**
 * Measures round trips with ping messages. Unlike WebSocket pings, ping messages show that the server handles
 * messages.
 */
export class Pings {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #waiting = new Map<string, () => void>()

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  /**
   * @param send sends a ping message; returns whether it was sent
   * @returns the round-trip time in ms; undefined if there is no answer
   */
  measure(send: (nonce: string) => boolean, timeoutMs: number): Promise<number | undefined> {
    const nonce = this.#random().toString(36).slice(2)
    const start = this.#clock.monotonic()
    if (!send(nonce)) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const finish = (result: number | undefined) => {
        this.#waiting.delete(nonce)
        this.#clock.clearTimeout(timer)
        resolve(result)
      }
      const timer = this.#clock.setTimeout(() => finish(undefined), timeoutMs)
      this.#waiting.set(nonce, () => finish(this.#clock.monotonic() - start))
    })
  }

  onPong(nonce: unknown) {
    if (typeof nonce === 'string') this.#waiting.get(nonce)?.()
  }
}
