import type { EventPage } from '../../protocol/index.ts'
import type { EventJournal } from '../store/files/event-journal.ts'
import { type EventId, endOf, formatEventId, isAfter } from '../store/files/journal-line.ts'

/** Maximum number of bytes of the log read for one page, because the answer is built in memory. */
const PAGE_BYTES = 4 * 1024 * 1024

/**
 * Returns the next `limit` events after `after`, or fewer if they are large. A long range without events
 * gives an empty page whose `next` is after that range.
 */
export async function eventPage(log: EventJournal, after: EventId, limit: number): Promise<EventPage> {
  const start = await log.seek(after)
  const events: EventPage['events'] = []
  let at = start
  let last = after
  while (events.length < limit && at < log.size && (at - start < PAGE_BYTES || !isAfter(last, after))) {
    const chunk = await log.read(at, after)
    if (chunk.next === at) break
    // Not `push(...)`: a chunk may have more events than a call takes arguments.
    for (const event of chunk.events) events.push(event)
    at = chunk.next
    if (chunk.to !== undefined && chunk.to > last.offset) last = endOf(chunk.to)
  }
  const more = events.length > limit || at < log.size
  if (events.length > limit) {
    events.length = limit
    last = events[limit - 1]!
  }
  return { events, ...(more && isAfter(last, after) && { next: formatEventId(last) }) }
}
