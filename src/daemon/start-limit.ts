import * as z from 'zod/mini'
import type { Clock } from '../platform/clock.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import type { Policy } from '../policy/schema.ts'
import type { PolicyRefusal } from '../protocol/policy-rules.ts'

const HOUR_MS = 3_600_000
/** Maximum number of starts in the record. It equals the maximum of the key `limits.starts_per_hour`. */
const MOST = 10_000

/**
 * `starts.json` in the state folder: times at which commands started agents within the last hour, in ms since
 * 1970.
 */
const StartsRecord = z.object({ version: z.literal(1), at: z.array(z.number()).check(z.maxLength(MOST)) })

export interface StartLimitOptions {
  path: string
  clock: Clock
}

/** Limits how often a server may start agents. */
export class StartLimit {
  readonly #options: StartLimitOptions
  #starts: number[] | undefined

  constructor(options: StartLimitOptions) {
    this.#options = options
  }

  /**
   * Counts a start or resume, unless it exceeds the policy's limit.
   * @returns the refusal if it exceeds the limit
   */
  count({ limits }: Policy): PolicyRefusal[] {
    const most = limits.starts_per_hour
    if (most === undefined) return []
    const { clock, path } = this.#options
    const now = clock.now()
    // Replace times in the future with now: a start must count for only an hour, even if the clock was set
    // back.
    this.#starts = (this.#starts ?? this.#read())
      .map((at) => Math.min(at, now))
      .filter((at) => now - at < HOUR_MS)
    if (this.#starts.length >= most)
      return [
        {
          key: 'limits.starts_per_hour',
          message: `The machine's policy permits at most ${most} starts within an hour.`,
        },
      ]
    this.#starts.push(now)
    writeAtomic(path, JSON.stringify({ version: 1, at: this.#starts }))
    return []
  }

  #read(): number[] {
    const read = readJson(this.#options.path, StartsRecord)
    return read.ok ? read.value.at : []
  }
}
