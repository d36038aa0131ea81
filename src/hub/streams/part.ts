import { shown } from '../registry/client-json.ts'
import { type EventId, formatEventId, isAfter } from '../store/event-id.ts'
import type { EventBatch, EventReader } from '../store/journals.ts'
import { headOf, message } from './sse.ts'

/** Memory of an event in addition to its text, in bytes. */
const EVENT_BYTES = 64

/** A place in the history of an agent. */
export interface Place {
  id: EventId
  /** Reader of the events after this place. Its next user takes it. */
  reader?: EventReader | undefined
}

/** Consecutive events of an agent, in the form sent to clients. */
export class Part {
  readonly after: EventId
  readonly end: Place
  readonly #text: Buffer
  readonly #ids: EventId[]

  private constructor(after: EventId, end: Place, { events }: EventBatch, text: Buffer) {
    this.after = after
    this.end = end
    this.#text = text
    this.#ids = events.map(({ offset, index }) => ({ offset, index }))
  }

  /** Makes the part from the events after `after`. */
  static async of(after: EventId, batch: EventBatch, end: Place): Promise<Part> {
    return new Part(after, end, batch, await shown(messagesOf(batch)))
  }

  /** Memory of this part, in bytes. */
  get bytes() {
    return this.#text.length + (1 + this.#ids.length) * EVENT_BYTES
  }

  /** Reports whether this part contains all events between `id` and the end of the part, which is after `id`. */
  follows(id: EventId): boolean {
    return isAfter(this.end.id, id) && !isAfter(this.after, id)
  }

  /** Returns the text of the events after `id`. Streams share its memory. */
  textAfter(id: EventId): Buffer {
    const first = this.#ids.find((event) => isAfter(event, id))
    if (!first) return Buffer.alloc(0)
    if (first === this.#ids[0]) return this.#text
    // JSON contains no line feeds, so only the head of this message matches.
    const rest = this.#text.subarray(this.#text.indexOf(headOf('activity', formatEventId(first))))
    // A client that does not read a short rest must not keep the whole text in memory.
    return rest.length * 2 < this.#text.length ? Buffer.from(rest) : rest
  }
}

function* messagesOf({ events }: EventBatch) {
  for (const event of events) yield message('activity', event, formatEventId(event))
}
