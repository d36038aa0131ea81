import type { CommandMemory } from '../config/hub-limits.ts'
import type { Clock } from '../platform/clock.ts'

interface Answered {
  bytes: number
  /** Milliseconds since 1970. */
  at: number
}

/** Ids of the commands that were answered, in the order of their answers, as far as memory and age allow. */
export class AnsweredCommands {
  readonly #ids = new Map<string, Answered>()
  readonly #memory: CommandMemory
  readonly #clock: Clock
  #bytes = 0

  constructor(memory: CommandMemory, clock: Clock) {
    this.#memory = memory
    this.#clock = clock
  }

  /** @param at when it was answered, in ms since 1970. Without it, as in lines of earlier hubs, it counts from now on */
  add(id: string, outcome: object, at?: number) {
    const now = this.#clock.now()
    this.#bytes -= this.#ids.get(id)?.bytes ?? 0
    const bytes = Buffer.byteLength(JSON.stringify(outcome))
    this.#bytes += bytes
    this.#ids.delete(id)
    // A clock that was ahead must not keep it for longer.
    this.#ids.set(id, { bytes, at: Math.min(at ?? now, now) })
  }

  /** Forgets those that are too old or too much, the oldest first. @returns their ids */
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

  /** Ids with the time of their answer, the oldest first. */
  [Symbol.iterator](): Iterator<[string, Answered]> {
    return this.#ids.entries()
  }
}
