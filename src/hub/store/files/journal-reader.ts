import { type EventId, endOf } from '../event-id.ts'
import type { EventBatch, EventReader } from '../journals.ts'
import type { EventJournal } from './event-journal.ts'
import { readChunk, seek } from './read-journal.ts'

/**
 * Reads the file of a journal forward. The reader searches for the first event once, and then remembers its
 * position.
 */
export class JournalReader implements EventReader {
  readonly #journal: EventJournal
  readonly #after: EventId
  #last: EventId
  /** Position of the next line; undefined before the search. */
  #at: number | undefined

  constructor(journal: EventJournal, after: EventId) {
    this.#journal = journal
    this.#after = after
    this.#last = after
  }

  async next(): Promise<EventBatch> {
    const { path, bytes } = this.#journal
    const at = this.#at ?? (await seek(path, bytes, this.#after.offset))
    const { events, next, to } = await readChunk(path, bytes, Math.min(at, bytes), this.#after)
    this.#at = next
    if (to !== undefined && to > this.#last.offset) this.#last = endOf(to)
    const isEnd = next === at || next >= this.#journal.bytes
    return { events, last: this.#last, bytes: next - at, isEnd }
  }
}
