import { type EventId, endOf, isAfter } from '../../src/hub/store/event-id.ts'
import type { EventReader, JournalEvents, JournalState } from '../../src/hub/store/journals.ts'
import { Emitter } from '../../src/platform/emitter.ts'
import type { AnyEvent } from '../../src/protocol/index.ts'

/** Number of bytes of a journal for each event. */
const STEP = 10

/** Journals in memory that count reads. */
export class MemoryJournals {
  readonly events = new Emitter<JournalEvents>()
  /** Number of batches that were read. */
  reads = 0
  /** Maximum number of events of a batch. */
  batch = 100
  /** Number of the next reads that fail. */
  failures = 0
  /** Agents whose reads do not end. */
  readonly hanging = new Set<string>()
  /** Agents whose journals are not open yet. */
  readonly unopened = new Set<string>()
  readonly #histories = new Map<string, AnyEvent[]>()

  /** Appends events with this text. They are durable when this method returns. */
  append(key: string, count: number, text = 'x') {
    const history = this.#of(key)
    for (let n = 0; n < count; n++)
      history.push({ kind: 'text', text, offset: history.length * STEP, index: 0 })
    this.events.emit('committed', [key])
  }

  forget(key: string) {
    this.#histories.delete(key)
  }

  async open(key: string): Promise<void> {
    this.unopened.delete(key)
  }

  stateOf(key: string): JournalState {
    const have = this.unopened.has(key) ? 0 : this.#of(key).length * STEP
    return { have, ackOffset: have, wantedOffset: have, shift: 0, journal: undefined, bytes: have }
  }

  read(key: string, after: EventId): EventReader {
    this.unopened.delete(key)
    const history = this.#of(key)
    let at = history.findIndex((event) => isAfter(event, after))
    if (at === -1) at = history.length
    return {
      next: async () => {
        this.reads++
        if (this.hanging.has(key)) await new Promise<void>(() => {})
        if (this.failures > 0) {
          this.failures--
          throw new Error('cannot be read')
        }
        const events = history.slice(at, at + this.batch)
        at += events.length
        const last = events.at(-1)
        return {
          events,
          last: last ? endOf(last.offset + STEP) : after,
          bytes: events.length * STEP,
          isEnd: at === history.length,
        }
      },
    }
  }

  #of(key: string): AnyEvent[] {
    const history = this.#histories.get(key) ?? []
    this.#histories.set(key, history)
    return history
  }
}
