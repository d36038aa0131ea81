import type { Clock } from '../platform/clock.ts'
import { Emitter } from '../platform/emitter.ts'
import type { HealthProblem, HealthProblemCode } from '../protocol/index.ts'

/** Time for which informational problems stay in the status, in ms. */
const INFO_MS = 3_600_000

/**
 * The machine's current problems, with the time and remedy of each. There is at most one problem per code.
 */
export class Problems {
  readonly events = new Emitter<{ change: [] }>()
  readonly #clock: Clock
  readonly #problems = new Map<HealthProblemCode, HealthProblem>()
  /** Paths to which damaged files were moved. */
  readonly #damaged: string[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  [Symbol.iterator]() {
    return this.#problems.values()
  }

  has(code: HealthProblemCode) {
    return this.#problems.has(code)
  }

  report(code: HealthProblemCode, problem: Omit<HealthProblem, 'code' | 'since'>) {
    const known = this.#problems.get(code)
    if (known && known.message === problem.message && known.until === problem.until) return
    const since = known?.since ?? new Date(this.#clock.now()).toISOString()
    this.#problems.set(code, { code, since, ...problem })
    this.events.emit('change')
  }

  clear(code: HealthProblemCode) {
    if (this.#problems.delete(code)) this.events.emit('change')
  }

  /** Reports that a damaged file of the state folder was moved to `path`. */
  damaged(path: string) {
    this.#damaged.push(path)
    this.report('state_damaged', {
      severity: 'warning',
      message: `Damaged files in the state folder were renamed: ${this.#damaged.join(', ')}.`,
      remedy: 'Look at the files, then delete them. Restart the daemon to clear this problem.',
    })
  }

  /** Clears problems that have been shown for long enough. */
  expire() {
    const now = this.#clock.now()
    const limit = this.#problems.get('usage_limit')
    if (limit?.until && Date.parse(limit.until) < now) this.clear('usage_limit')
    for (const [code, { severity, since }] of [...this.#problems])
      if (severity === 'info' && now - Date.parse(since) > INFO_MS) this.clear(code)
  }
}
