import type { AnyEvent } from '../protocol/any-event.ts'
import type { EventPage } from '../protocol/event-page.ts'
import { type EventId, formatEventId, isBefore, parseEventId } from './event-id.ts'

/** Number of bytes of a journal that the first search in an older hub covers. */
const SPAN_BYTES = 256 * 1024

/** A page of an agent's history that ends before a given event. */
export interface EarlierEvents {
  /** The events, in ascending order. */
  events: AnyEvent[]
  /** Id to pass as `before` for the page before; undefined at the beginning of the history. */
  previous?: string | undefined
}

/**
 * Returns the last `limit` events before `before` from a hub that reads histories only forward. Reads from an
 * earlier offset, because ids contain offsets, and from a still earlier offset if it finds no event there.
 * @param read returns the page after an event
 */
export async function searchForward(
  read: (after: string | undefined) => Promise<EventPage>,
  before: EventId,
  limit: number,
): Promise<EarlierEvents> {
  for (let span = SPAN_BYTES; ; span *= 4) {
    const begin = before.offset - span
    let events: AnyEvent[] = []
    let isCut = begin >= 0
    for (let after: string | undefined = isCut ? `${begin}.0` : undefined; ; ) {
      const page = await read(after)
      const found: AnyEvent[] = page.events.filter((event) => isBefore(event, before))
      events = [...events, ...found]
      if (events.length > limit) {
        events = events.slice(-limit)
        isCut = true
      }
      after = page.next
      if (after === undefined || found.length < page.events.length || !isBefore(parseEventId(after), before))
        break
    }
    const [first] = events
    if (first && isCut) return { events, previous: formatEventId(first) }
    if (!isCut) return { events }
  }
}
