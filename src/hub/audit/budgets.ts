import type { Clock } from '../../platform/clock.ts'

/** Number of budgets beyond which full budgets are forgotten. */
const MANY = 1000

export interface BudgetsOptions {
  /** Number of times that an owner may draw at once. */
  most: number
  /** Period in which a budget grows by one, in milliseconds. */
  periodMs: number
  clock: Clock
}

/** Budgets of owners, such as keys. Each budget grows slowly up to a maximum, with which it begins. */
export class Budgets {
  readonly #options: BudgetsOptions
  /** Times at which the budgets are full again, by owner. */
  readonly #fullAt = new Map<string, number>()

  constructor(options: BudgetsOptions) {
    this.#options = options
  }

  /** Draws on a budget. @returns 0, or the time until the budget permits it, in milliseconds */
  draw(owner: string): number {
    const { most, periodMs, clock } = this.#options
    const now = clock.monotonic()
    const fullAt = Math.max(now, this.#fullAt.get(owner) ?? 0) + periodMs
    const wait = fullAt - now - most * periodMs
    if (wait > 0) return wait
    if (this.#fullAt.size >= MANY) this.#forgetFull(now)
    this.#fullAt.set(owner, fullAt)
    return 0
  }

  #forgetFull(now: number) {
    for (const [owner, at] of this.#fullAt) if (at <= now) this.#fullAt.delete(owner)
  }
}
