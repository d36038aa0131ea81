import type { EventPage } from '../../protocol/index.ts'
import { type EventId, formatEventId, isAfter } from '../store/event-id.ts'
import type { BackwardReader, EventReader } from '../store/journals.ts'

/** Maximum number of stored bytes to read for one page. The answer is built in memory. */
const PAGE_BYTES = 4 * 1024 * 1024

/**
 * Returns the next `limit` events after `after`, or fewer if they are large. If a long range without events
 * follows, the page is empty, and its `next` is after that range.
 * @param reader reads events after `after`
 */
export async function eventPage(reader: EventReader, after: EventId, limit: number): Promise<EventPage> {
  const events: EventPage['events'] = []
  let [last, bytes, isEnd] = [after, 0, false]
  while (!isEnd && events.length < limit && (bytes < PAGE_BYTES || !isAfter(last, after))) {
    const batch = await reader.next()
    // Do not use `push(...)`: a batch may have more events than a call can have arguments.
    for (const event of batch.events) events.push(event)
    bytes += batch.bytes
    last = batch.last
    isEnd = batch.isEnd
  }
  const more = events.length > limit || !isEnd
  if (events.length > limit) {
    events.length = limit
    last = events[limit - 1]!
  }
  return { events, ...(more && isAfter(last, after) && { next: formatEventId(last) }) }
}

/**
 * Returns the last `limit` events before `before`, or fewer if they are large. If a long range without events
 * precedes `before`, the page is empty, and its `previous` is before that range.
 * @param reader reads events before `before`
 */
export async function earlierEventPage(
  reader: BackwardReader,
  before: EventId,
  limit: number,
): Promise<EventPage> {
  const batches: EventPage['events'][] = []
  let [first, left, bytes, isBeginning] = [before, limit, 0, false]
  while (!isBeginning && left > 0 && (bytes < PAGE_BYTES || !isAfter(before, first))) {
    const batch = await reader.next(left)
    batches.push(batch.events)
    left -= batch.events.length
    bytes += batch.bytes
    first = batch.first
    isBeginning = batch.isBeginning
  }
  const events = batches.reverse().flat()
  return { events, ...(!isBeginning && isAfter(before, first) && { previous: formatEventId(first) }) }
}
