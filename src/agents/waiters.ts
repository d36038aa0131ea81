import type { Clock } from '../platform/clock.ts'

interface Waiter {
  holds(): boolean
  resolve(held: boolean): void
}

/** Those who wait for something to hold of one thing that changes. */
export class Waiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns whether it held within `timeoutMs`, before `signal` was aborted and the waiters were closed */
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

  /** Something has changed. */
  wake() {
    for (const waiter of [...this.#waiters]) if (waiter.holds()) waiter.resolve(true)
  }

  /** Nothing will change any more. */
  close() {
    for (const waiter of [...this.#waiters]) waiter.resolve(waiter.holds())
  }
}
