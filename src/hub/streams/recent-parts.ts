import type { EventId } from '../store/event-id.ts'
import type { Part } from './part.ts'

/** Maximum memory of the recent parts of all agents, in bytes, if there are several parts. */
const ALL_BYTES = 8 * 1024 * 1024
/** Maximum number of parts of one agent to keep. A search for a part examines all of them. */
const PARTS_OF_AGENT = 64

/** The parts that were read last, by agent. Streams at the same place get the same part. */
export class RecentParts {
  /** In the order of reading, oldest first. */
  readonly #ofAgent = new Map<string, Part[]>()
  /** The agents of all parts, oldest part first. */
  readonly #all = new Map<Part, string>()
  #bytes = 0

  /** Returns a recent part that continues after `id`. */
  after(key: string, id: EventId): Part | undefined {
    return this.#ofAgent.get(key)?.findLast((part) => part.follows(id))
  }

  keep(key: string, part: Part) {
    const parts = this.#ofAgent.get(key) ?? []
    this.#ofAgent.set(key, parts)
    parts.push(part)
    this.#all.set(part, key)
    this.#bytes += part.bytes
    if (parts.length > PARTS_OF_AGENT) this.#dropOldest(key)
    for (const oldest of this.#all.values()) {
      // The newest part is kept at any size, because each stream would otherwise read the part again.
      if (this.#bytes <= ALL_BYTES || this.#all.size === 1) break
      this.#dropOldest(oldest)
    }
  }

  /** Drops all parts of an agent. */
  forget(key: string) {
    while (this.#ofAgent.has(key)) this.#dropOldest(key)
  }

  #dropOldest(key: string) {
    const parts = this.#ofAgent.get(key)!
    const part = parts.shift()!
    if (parts.length === 0) this.#ofAgent.delete(key)
    this.#all.delete(part)
    this.#bytes -= part.bytes
  }
}
