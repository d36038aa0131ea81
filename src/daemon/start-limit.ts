import * as z from 'zod/mini'
import { CommandFailure } from '../agents/command-failure.ts'
import type { Clock } from '../platform/clock.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import type { Policy } from '../policy/schema.ts'
import type { Command } from '../protocol/index.ts'

const KEY = 'limits.starts_per_hour'
const HOUR_MS = 3_600_000
/** Maximum number of starts in the record, which is the maximum of `limits.starts_per_hour`. */
const MOST = 10_000

/** `starts.json` in the state folder: times of starts by command within the last hour, in ms since 1970. */
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

  /** Counts a start or resume. Other commands pass. @throws CommandFailure beyond a limit of the policy */
  check(command: Command, { limits }: Policy) {
    if (command.type !== 'agent:start' && command.type !== 'agent:resume') return
    if (limits.starts_per_hour !== undefined) this.#count(limits.starts_per_hour)
  }

  #count(most: number) {
    const { clock, path } = this.#options
    const now = clock.now()
    // If the clock was set back, a start must still not count for more than an hour.
    this.#starts = (this.#starts ?? this.#read())
      .map((at) => Math.min(at, now))
      .filter((at) => now - at < HOUR_MS)
    if (this.#starts.length >= most)
      throw new CommandFailure('policy', `The machine's policy permits ${most} starts within an hour.`, {
        path: KEY,
        remedy: `Wait, or have the machine's operator change ${KEY} in its policy.`,
      })
    this.#starts.push(now)
    writeAtomic(path, JSON.stringify({ version: 1, at: this.#starts }))
  }

  #read(): number[] {
    const read = readJson(this.#options.path, StartsRecord)
    return read.ok ? read.value.at : []
  }
}
