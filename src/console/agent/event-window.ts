import { type EventId, isBefore } from '../../client/event-id.ts'
import type { Event } from '../../protocol/events.ts'
import { type Entry, UnfinishedBlocks } from './unfinished-blocks.ts'

export interface WindowLimits {
  events: number
  bytes: number
}

/** Share of the limits that is left after events were dropped, so that events are dropped rarely. */
const LEFT = 0.75

/**
 * Consecutive events of an agent. The pieces of an unfinished block are one event, with the id of the first
 * piece. This event is absent once the finished block is there.
 */
export class EventWindow {
  #entries: Entry[] = []
  #unfinished = new UnfinishedBlocks()
  #last: EventId | undefined
  #bytes = 0
  #events: readonly Event[] | undefined

  /** The events in ascending order. The array and its events are never changed. */
  get events(): readonly Event[] {
    this.#events ??= this.#entries.map(({ event }) => event)
    return this.#events
  }

  get size() {
    return this.#entries.length
  }

  /** Approximate memory of the events, in bytes. */
  get bytes() {
    return this.#bytes
  }

  get first(): EventId | undefined {
    return this.#entries[0]?.event
  }

  /** Id after which the next event is appended: the end of the window, or of a range without events. */
  get last(): EventId | undefined {
    return this.#last
  }

  clear() {
    this.#entries = []
    this.#unfinished = new UnfinishedBlocks()
    this.#last = undefined
    this.#count()
  }

  /** Moves the end of the window behind a range without events. */
  skipTo(id: EventId) {
    if (!this.#last || isBefore(this.#last, id)) this.#last = id
  }

  /** Adds an event to the end. @returns false if the window already contains it */
  append(event: Event): boolean {
    if (this.#last && !isBefore(this.#last, event)) return false
    this.#last = event
    this.#bytes += this.#unfinished.add(this.#entries, event)
    this.#events = undefined
    return true
  }

  /** Adds earlier events to the beginning. @returns the number of events by which the window has grown */
  prepend(events: Event[]): number {
    const { first, size } = this
    const blocks = new UnfinishedBlocks()
    const earlier: Entry[] = []
    for (const event of events) if (!first || isBefore(event, first)) blocks.add(earlier, event)
    this.#entries = blocks.join(earlier, this.#entries, this.#unfinished)
    this.#last ??= events.at(-1)
    this.#count()
    return this.size - size
  }

  /**
   * Drops events if there are too many: those that are farthest from `place`.
   * @param place id of an event that the reader sees; undefined at the end
   * @returns the ends at which events were dropped
   */
  trim(limits: WindowLimits, place: EventId | undefined): { front: boolean; back: boolean } {
    const dropped = { front: false, back: false }
    const isOver = () => this.size > limits.events || this.#bytes > limits.bytes
    if (!isOver()) return dropped
    this.#count()
    for (const end of this.#placeOf(place) * 2 >= this.size
      ? (['front', 'back'] as const)
      : (['back', 'front'] as const))
      if (isOver()) {
        dropped[end] = end === 'front' ? this.#trimFront(limits, place) : this.#trimBack(limits, place)
        this.#count()
      }
    return dropped
  }

  #trimFront(limits: WindowLimits, place: EventId | undefined): boolean {
    const most = Math.min(this.#placeOf(place), this.size - 1)
    let [cut, bytes] = [0, this.#bytes]
    while (cut < most && (this.size - cut > limits.events * LEFT || bytes > limits.bytes * LEFT))
      bytes -= this.#entries[cut++]!.bytes
    // If every cut would split an unfinished block, the block is split.
    cut = this.#cutBefore(cut) || cut
    const dropped = new Set(this.#entries.splice(0, cut))
    this.#unfinished.keep((entry) => !dropped.has(entry))
    return cut > 0
  }

  #trimBack(limits: WindowLimits, place: EventId | undefined): boolean {
    const least = Math.min(this.#placeOf(place) + 1, this.size)
    let [cut, bytes] = [this.size, this.#bytes]
    while (cut > least && (cut > limits.events * LEFT || bytes > limits.bytes * LEFT))
      bytes -= this.#entries[--cut]!.bytes
    if (cut === this.size) return false
    const start = this.#entries[cut]!.event
    this.#entries.length = cut
    const kept = new Set(this.#entries)
    this.#unfinished.keep((entry) => kept.has(entry))
    // Pieces after the cut stay in their blocks, which do not take them again.
    this.#last = this.#entries[0]!.event
    for (const { event, last } of this.#entries)
      for (const id of [event, last]) if (isBefore(this.#last, id) && isBefore(id, start)) this.#last = id
    this.#unfinished.reopen(this.#entries.filter(({ last }) => !isBefore(last, start)))
    return true
  }

  /** Returns the last place up to `cut` that is not between the pieces of a block. */
  #cutBefore(cut: number): number {
    for (let at = cut; at > 0; ) {
      const start = this.#entries[at]?.event
      const split = start ? this.#entries.findIndex(({ last }, n) => n < at && !isBefore(last, start)) : -1
      if (split === -1) return at
      at = split
    }
    return 0
  }

  /** Returns the number of entries that begin before `place`, or all if `place` is undefined. */
  #placeOf(place: EventId | undefined): number {
    if (!place) return this.size
    let [low, high] = [0, this.size]
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.#entries[middle]!.event, place)) low = middle + 1
      else high = middle
    }
    return low
  }

  #count() {
    this.#events = undefined
    this.#bytes = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}
