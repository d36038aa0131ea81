import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'

/** Period for the limits on log lines, in milliseconds. */
const PERIOD_MS = 60_000
/** Maximum number of different lines per period, for all addresses together. */
const LINES = 60

/** Subject of a line. */
type Source = { address?: string } | { machine_id?: string } | { key_id?: string }
type Level = 'info' | 'warn' | 'error'

/** A message about a source, with the number of times it occurred. */
interface Told {
  source: Source
  message: string
  level: Level
  times: number
}

export interface NoticesOptions {
  clock: Clock
  logger: Logger
  /** Maximum number of different lines per minute, for all sources together. */
  lines?: number
  /** Maximum number of equal lines about one source per minute. */
  same?: number
}

/**
 * Limits log lines that clients and machines cause, so that such lines cannot fill the disk. Lines beyond the
 * limits are only counted.
 */
export class Notices {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #lines: number
  readonly #same: number
  readonly #told = new Map<string, Told>()
  /** Number of lines that were not logged because there were too many different lines. */
  #untold = 0
  #timer: Timer | undefined

  constructor({ clock, logger, lines = LINES, same = 1 }: NoticesOptions) {
    this.#clock = clock
    this.#logger = logger
    this.#lines = lines
    this.#same = same
  }

  tell(address: string, message: string, facts: object = {}, level: Level = 'warn') {
    this.#tell({ address }, message, facts, level)
  }

  /** Returns a logger that limits lines with a `key_id` or `machine_id` per key or machine. */
  asLogger(): Logger {
    const at = (level: Level) => (facts: { key_id?: string; machine_id?: string }, message: string) => {
      const { key_id, machine_id } = facts
      if (key_id === undefined && machine_id === undefined) return this.#logger[level](facts, message)
      this.#tell(key_id === undefined ? { machine_id } : { key_id }, message, facts, level)
    }
    return Object.assign(Object.create(this.#logger) as Logger, {
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
    })
  }

  close() {
    if (this.#timer) this.#clock.clearTimeout(this.#timer)
    this.#sum()
  }

  #tell(source: Source, message: string, facts: object, level: Level) {
    // Call `unref`, because a hub that failed to start must exit without waiting for the timer.
    this.#timer ??= this.#clock.setTimeout(() => this.#sum(), PERIOD_MS).unref()
    const key = `${Object.values(source)} ${message}`
    const told = this.#told.get(key) ?? { source, message, level, times: 0 }
    if (told.times === 0 && this.#told.size >= this.#lines) {
      this.#untold++
      return
    }
    this.#told.set(key, told)
    if (++told.times <= this.#same) this.#logger[level]({ ...source, ...facts }, message)
  }

  #sum() {
    this.#timer = undefined
    for (const { source, message, level, times } of this.#told.values())
      if (times > this.#same)
        this.#logger[level]({ ...source, times: times - this.#same }, `${message}, again`)
    if (this.#untold > 0) this.#logger.warn({ times: this.#untold }, 'further messages were not logged')
    this.#told.clear()
    this.#untold = 0
  }
}
