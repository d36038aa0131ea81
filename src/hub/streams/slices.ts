import { setImmediate as others } from 'node:timers/promises'
import type { Clock } from '../../platform/clock.ts'

/** Maximum time of the jobs in one turn of the event loop, in milliseconds. One job may take longer. */
const SLICE_MS = 1

type Job = () => void

/**
 * Runs jobs one after another, for a short time in each turn of the event loop. Between the turns, the hub
 * commits and acknowledges activity.
 */
export class Slices {
  readonly #clock: Clock
  readonly #jobs = new Set<Job>()
  #isRunning = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Adds a job, unless the same function is already waiting. @param job must not throw */
  add(job: Job) {
    this.#jobs.add(job)
    if (!this.#isRunning) void this.#runAll()
  }

  /** Waits until the jobs that were added before have run. */
  ran(): Promise<void> {
    return new Promise((resolve) => this.add(resolve))
  }

  async #runAll() {
    this.#isRunning = true
    while (this.#jobs.size > 0) {
      await others()
      const end = this.#clock.monotonic() + SLICE_MS
      for (const job of this.#jobs) {
        this.#jobs.delete(job)
        job()
        if (this.#clock.monotonic() >= end) break
      }
    }
    this.#isRunning = false
  }
}
