import type { EventPage } from '../protocol/index.ts'
import { type EventId, formatEventId } from './activity-line.ts'
import type { ActivityLog } from './activity-log.ts'

/** Bytes of the log read for one page, whatever its limit: an answer is built in memory. */
const PAGE_BYTES = 4 * 1024 * 1024

/** The next `limit` events behind `after`, or fewer where they are large. */
export async function page(log: ActivityLog, after: EventId, limit: number): Promise<EventPage> {
  const start = await log.seek(after)
  const events: EventPage['events'] = []
  let at = start
  while (events.length < limit && at < log.size && (at - start < PAGE_BYTES || events.length === 0)) {
    const chunk = await log.read(at, after)
    if (chunk.next === at) break
    // A chunk may have more of them than a call takes arguments.
    for (const event of chunk.events) events.push(event)
    at = chunk.next
  }
  const more = events.length > limit || at < log.size
  events.length = Math.min(events.length, limit)
  const last = events.at(-1)
  return { events, ...(more && last && { next: formatEventId(last) }) }
}
