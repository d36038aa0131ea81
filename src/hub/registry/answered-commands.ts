import type { CommandMemory } from '../../config/hub-limits.ts'
import type { Clock } from '../../platform/clock.ts'

interface Answered {
  bytes: number
  /** Milliseconds since 1970. */
  at: number
}

/** Ids of answered commands, in the order of their answers. Limits on memory and age apply. */
export class AnsweredCommands {
  readonly #ids = new Map<string, Answered>()
  readonly #memory: CommandMemory
  readonly #clock: Clock
  #bytes = 0

  constructor({ memory, clock }: { memory: CommandMemory; clock: Clock }) {
    this.#memory = memory
    this.#clock = clock
  }

  /** @param at time of the answer, in ms since 1970. Default, for lines of earlier hubs: now */
  add(id: string, outcome: object, at?: number) {
    const now = this.#clock.now()
    this.#bytes -= this.#ids.get(id)?.bytes ?? 0
    const bytes = Buffer.byteLength(JSON.stringify(outcome))
    this.#bytes += bytes
    this.#ids.delete(id)
    // Use a time that is not in the future, so that a clock that was ahead does not extend the lifetime of
    // the id.
    this.#ids.set(id, { bytes, at: Math.min(at ?? now, now) })
  }

  /** Removes the oldest ids until the remaining ids are within the limits. @returns the removed ids */
  forget(): string[] {
    const forgotten: string[] = []
    const oldest = this.#clock.now() - this.#memory.age_ms
    for (const [id, { bytes, at }] of this.#ids) {
      if (this.#ids.size === 1 || (this.#bytes <= this.#memory.bytes && at >= oldest)) break
      this.#ids.delete(id)
      this.#bytes -= bytes
      forgotten.push(id)
    }
    return forgotten
  }

  /** Iterates over the ids, oldest answer first. */
  [Symbol.iterator](): Iterator<[string, Answered]> {
    return this.#ids.entries()
  }
}
