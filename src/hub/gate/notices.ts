import type { Clock, Timer } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'

/** The time in which the same is said only so often, in milliseconds. */
const PERIOD_MS = 60_000
/** Lines for all addresses together within this time. */
const LINES = 60

/** Whom a line is about. */
type Source = { address?: string } | { machine_id?: string } | { key_id?: string }
type Level = 'info' | 'warn' | 'error'

/** What was said of somebody, and how often it has happened. */
interface Told {
  source: Source
  message: string
  level: Level
  times: number
}

export interface NoticesOptions {
  /** Most lines that are said in a minute, those of all sources taken together. */
  lines?: number
  /** Most lines that say the same of one source in a minute. */
  same?: number
}

/**
 * Log lines about others, who would fill the disk with them: the same only so often for each of them, the rest is counted,
 * and so is what comes from sources beyond a number.
 */
export class Notices {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #lines: number
  readonly #same: number
  readonly #told = new Map<string, Told>()
  /** What was not said of any source. */
  #untold = 0
  #timer: Timer | undefined

  constructor(clock: Clock, logger: Logger, { lines = LINES, same = 1 }: NoticesOptions = {}) {
    this.#clock = clock
    this.#logger = logger
    this.#lines = lines
    this.#same = same
  }

  tell(address: string, message: string, facts: object = {}, level: Level = 'warn') {
    this.#tell({ address }, message, facts, level)
  }

  /** For what is said of machines, which have shown a key: a line with a key or a machine in it is counted for that. */
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
    // A hub that could not start does not wait for it.
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
    if (this.#untold > 0) this.#logger.warn({ times: this.#untold }, 'the same from further addresses')
    this.#told.clear()
    this.#untold = 0
  }
}
