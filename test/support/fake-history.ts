import type * as z from 'zod/mini'
import { formatEventId, isBefore, parseEventId } from '../../src/client/event-id.ts'
import { HubFailure } from '../../src/client/hub-failure.ts'
import type { SseMessage } from '../../src/client/sse.ts'
import type { AnyEvent, EventPage, HubAgent } from '../../src/protocol/index.ts'
import { check } from '../../src/protocol/schema-check.ts'
import { statusOf } from './light-daemon.ts'

/** Maximum number of events on a page that is read forward. */
const FORWARD = 1000

/** The part of a hub that the page of one agent uses, with a history in memory. */
export class FakeHistory {
  events: AnyEvent[] = []
  /** Number of requests for pages. */
  requests = 0
  /** Number of streams that were opened. */
  streams = 0
  /** Runs after the hub has read a page and before the client gets it. */
  afterRead: () => void | Promise<void> = () => {}
  /** The failure of all requests. */
  failure: Error | undefined
  offset = 0
  readonly #open = new Set<{ wake(): void; isCut: boolean }>()

  readonly agent = (): HubAgent => ({
    ...statusOf('a'),
    machine_id: 'm',
    connected: true,
    offset: this.offset,
  })

  /** Appends events, and sends them to all streams. */
  add(...events: object[]) {
    for (const event of events) {
      this.events.push({ offset: this.offset, index: 0, ...event } as AnyEvent)
      this.offset += 10
    }
    for (const stream of this.#open) stream.wake()
  }

  says(count: number) {
    this.add(...Array.from({ length: count }, () => ({ kind: 'text', text: `at ${this.offset}` })))
  }

  /** Breaks all streams. */
  cut() {
    for (const stream of this.#open) {
      stream.isCut = true
      stream.wake()
    }
  }

  async eventsBefore(_id: string, before: string | undefined, limit: number) {
    this.requests++
    if (this.failure) throw this.failure
    const end = before === undefined ? { offset: this.offset, index: 0 } : parseEventId(before)
    const all = this.events.filter((event) => isBefore(event, end))
    const events = all.slice(-limit)
    await this.afterRead()
    return { events, ...(all.length > limit && { previous: formatEventId(events[0]!) }) }
  }

  async eventsAfter(after: string | undefined): Promise<EventPage> {
    this.requests++
    if (this.failure) throw this.failure
    const all = this.#after(after)
    const events = all.slice(0, FORWARD)
    await this.afterRead()
    return { events, ...(all.length > FORWARD && { next: formatEventId(events.at(-1)!) }) }
  }

  async *stream(_id: string, after: string | undefined): AsyncGenerator<SseMessage> {
    this.streams++
    if (this.failure) throw this.failure
    const stream = { wake: () => {}, isCut: false }
    this.#open.add(stream)
    try {
      let [place, isTold] = [after, false]
      while (!stream.isCut) {
        for (const event of this.#after(place)) {
          place = formatEventId(event)
          yield { event: 'activity', data: JSON.stringify(event), id: place }
          if (stream.isCut) return
        }
        if (!isTold) yield { event: 'status', data: JSON.stringify(this.agent()), id: place ?? '' }
        isTold = true
        if (this.#after(place).length > 0) continue
        await new Promise<void>((resolve) => {
          stream.wake = resolve
        })
      }
    } finally {
      this.#open.delete(stream)
    }
  }

  read<T>(schema: z.ZodMiniType<T>, text: string): T {
    const parsed = check(schema, JSON.parse(text))
    if (!parsed.success) throw parsed.error
    return parsed.data
  }

  #after(id: string | undefined): AnyEvent[] {
    if (id === undefined) return this.events
    const place = parseEventId(id)
    // Streams ask for the newest events, so the search begins at the end.
    let from = this.events.length
    while (from > 0 && isBefore(place, this.events[from - 1]!)) from--
    return this.events.slice(from)
  }
}

export const unreachable = () => new HubFailure('unreachable', 'No hub answers.')
