import type { FleetChange } from '../../../client/follow-fleet.ts'

export interface ArrivalOptions {
  /** Time without a change after which an older hub has sent all agents, in ms. */
  quietMs: number
  /** Called whenever the hub has sent all agents. */
  onComplete(): void
}

/** Notices that a hub has sent all agents, even if agents change all the time. */
export class Arrival {
  readonly #options: ArrivalOptions
  #isComplete = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ArrivalOptions) {
    this.#options = options
  }

  /** True from the time at which the hub has sent all agents until it begins to send them again. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  take({ type }: FleetChange) {
    if (type === 'reset') this.#isComplete = false
    if (this.#isComplete) return
    clearTimeout(this.#timer)
    if (type === 'current') this.#complete()
    else this.#timer = setTimeout(() => this.#complete(), this.#options.quietMs)
  }

  close() {
    clearTimeout(this.#timer)
  }

  #complete() {
    this.#isComplete = true
    this.#options.onComplete()
  }
}
