import type { Clock } from './clock.ts'

interface Waiter {
  holds(): boolean
  resolve(held: boolean): void
}

/** Lets callers wait for conditions on an object that changes. */
export class Waiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Waits until `holds` returns true. @returns false on a timeout, an abort, or `close` */
  until(holds: () => boolean, timeoutMs?: number, signal?: AbortSignal): Promise<boolean> {
    if (holds()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const finish = (held: boolean) => {
        this.#waiters.delete(waiter)
        if (timer) this.#clock.clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        resolve(held)
      }
      const abort = () => finish(holds())
      const waiter: Waiter = { holds, resolve: finish }
      const timer =
        timeoutMs === undefined ? undefined : this.#clock.setTimeout(() => finish(holds()), timeoutMs)
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', abort)
      if (signal?.aborted) abort()
    })
  }

  /** Checks all conditions after a change. */
  wake() {
    for (const waiter of [...this.#waiters]) if (waiter.holds()) waiter.resolve(true)
  }

  /** Ends all waits. */
  close() {
    for (const waiter of [...this.#waiters]) waiter.resolve(waiter.holds())
  }
}
