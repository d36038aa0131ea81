import { parseWindow, type Window } from '../config/readers.ts'
import type { UpdateConfig } from '../config/update-config.ts'
import type { Clock, Timer } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandError } from '../protocol/index.ts'
import { UpdateFailure } from './failure.ts'
import type { Updates } from './updates.ts'

const DAY_MINUTES = 24 * 60

export interface ScheduleOptions {
  policy: UpdateConfig
  updates: Pick<Updates, 'check' | 'runUnasked'>
  clock: Clock
  random?: () => number
  logger: Logger
  /** Called after each check for a newer version, with the error if the check failed. */
  onLooked(error?: CommandError): void
}

/**
 * Checks for updates automatically, at a random time in each window, so that not all machines update at the
 * same time.
 */
export class Schedule {
  readonly #options: ScheduleOptions
  #timer: Timer | undefined

  constructor(options: ScheduleOptions) {
    this.#options = options
  }

  start() {
    if (this.#options.policy.automatic) this.#next(this.#options.clock.now())
  }

  stop() {
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
  }

  #next(after: number) {
    const { clock, policy, random = Math.random } = this.#options
    const { time, end } = moment(parseWindow(policy.window)!, after, random)
    this.#timer = clock.setTimeout(
      () => {
        this.#next(end)
        void this.#look()
      },
      Math.max(0, time - clock.now()),
    )
  }

  async #look() {
    const { policy, updates, clock, logger, onLooked } = this.#options
    try {
      const { available, newer, published, bad, warning } = await updates.check(policy.channel)
      onLooked()
      if (warning !== undefined) logger.warn({ available }, warning)
      const age = published === undefined ? undefined : clock.now() - Date.parse(published)
      if (!newer || bad) return
      // If the registry has no publication time, the age of the version is unknown, so there is no update.
      if (policy.min_age_h > 0 && (age === undefined || age < policy.min_age_h * 3_600_000)) {
        logger.info({ available, published }, 'a newer version is available, but is younger than min_age_h')
        return
      }
      await updates.runUnasked('schedule', available)
    } catch (error) {
      if (!(error instanceof UpdateFailure)) throw error
      logger.warn({ error: error.error }, 'failed to check for a newer version')
      onLooked(error.error)
    }
  }
}

/**
 * Returns a random time in the first window whose end is after `after`, and the window's end, in ms. The
 * random time is not before `after`.
 */
export function moment(
  { from, to }: Window,
  after: number,
  random: () => number,
): { time: number; end: number } {
  const length = to > from ? to - from : to - from + DAY_MINUTES
  for (let day = -1; ; day++) {
    const start = new Date(after)
    start.setHours(0, 0, 0, 0)
    start.setDate(start.getDate() + day)
    // setMinutes() uses the local time, even on days with a change to or from daylight saving time.
    const begin = new Date(start).setMinutes(from)
    const end = new Date(start).setMinutes(from + length)
    if (end <= after) continue
    const earliest = Math.max(begin, after)
    return { time: earliest + random() * (end - earliest), end }
  }
}
