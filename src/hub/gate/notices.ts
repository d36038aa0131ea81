import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'

/** How often the same is said of an address, in milliseconds. */
const PERIOD_MS = 60_000
/** Lines for all addresses together within this time. */
const MOST_LINES = 60

/** What was said of an address, and how often it has happened since. */
interface Told {
  address: string
  message: string
  more: number
}

/**
 * Log lines about strangers, who would fill the disk with them: one a minute for each address and message, the rest is
 * counted, and so are addresses beyond a number.
 */
export class Notices {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #told = new Map<string, Told>()
  /** What was not said of any address. */
  #untold = 0
  #timer: Timer | undefined

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  tell(address: string, message: string, facts: object = {}) {
    this.#timer ??= this.#clock.setTimeout(() => this.#sum(), PERIOD_MS)
    const key = `${address} ${message}`
    const told = this.#told.get(key)
    if (told) told.more++
    else if (this.#told.size >= MOST_LINES) this.#untold++
    else {
      this.#told.set(key, { address, message, more: 0 })
      this.#logger.warn({ address, ...facts }, message)
    }
  }

  close() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#sum()
  }

  #sum() {
    this.#timer = undefined
    for (const { address, message, more } of this.#told.values())
      if (more > 0) this.#logger.warn({ address, times: more }, `${message}, again`)
    if (this.#untold > 0) this.#logger.warn({ times: this.#untold }, 'the same from further addresses')
    this.#told.clear()
    this.#untold = 0
  }
}
