import { type EventId, endOf, formatEventId, isAfter } from '../store/event-id.ts'
import type { Journals } from '../store/journals.ts'
import type { Lane } from './lane.ts'
import { Part, type Place } from './part.ts'
import type { RecentParts } from './recent-parts.ts'

export interface SharedHistoryOptions {
  /** The agent's key. */
  key: string
  journals: Pick<Journals, 'open' | 'read' | 'stateOf'>
  recent: RecentParts
  /** Runs the reads of all agents' new events, so that these reads do not wait for reads of older events. */
  news: Lane
}

/** The history of one agent, which is read once for all streams at the same place. */
export class SharedHistory {
  readonly #options: SharedHistoryOptions
  /** Reads in progress, by the place after which they read. */
  readonly #reading = new Map<string, Promise<Part>>()
  #live: Place
  #isOpen = false
  #isClosed = false

  constructor(options: SharedHistoryOptions) {
    this.#options = options
    this.#live = { id: this.durable }
  }

  /** The place up to which events were read as they became durable. Streams that are not slow are here. */
  get live(): EventId {
    return this.#live.id
  }

  /** The end of the durable events. */
  get durable(): EventId {
    return endOf(this.#options.journals.stateOf(this.#options.key).have)
  }

  /** Opens the journal, unless it is open. The hub may have failed to open it at its start. */
  async open(): Promise<void> {
    const { key, journals } = this.#options
    if (this.#isOpen || this.#isClosed) return
    const before = this.durable
    try {
      await journals.open(key)
    } catch {
      return
    }
    this.#isOpen = true
    // The events of a journal that was not open are not new.
    if (isAfter(this.durable, before)) this.#live = { id: this.durable }
  }

  /** Reads the next events after `live`. */
  async readNews(): Promise<void> {
    try {
      const { end } = await this.#options.news.run(() => this.read(this.#live))
      this.#live = end
    } catch {
      // Each stream then reads by itself, and ends if that fails, too.
      this.#live = { id: this.durable }
    }
  }

  /** Returns the events after a place, if they were read recently. */
  known({ id }: Place): Part | undefined {
    return this.#options.recent.after(this.#options.key, id)
  }

  /** Returns the read in progress of the events after a place. */
  reading({ id }: Place): Promise<Part> | undefined {
    return this.#reading.get(formatEventId(id))
  }

  /** Returns the events after a place. Streams at the same place share the read. */
  async read(place: Place): Promise<Part> {
    const shared = this.known(place) ?? this.reading(place)
    if (shared) return shared
    const id = formatEventId(place.id)
    const reading = this.#readAfter(place)
    this.#reading.set(id, reading)
    return reading.finally(() => this.#reading.delete(id))
  }

  /** Stops reading, because no stream is left or the agent was removed. */
  close() {
    this.#isClosed = true
    this.#options.recent.forget(this.#options.key)
  }

  async #readAfter(place: Place): Promise<Part> {
    const { key, journals, recent } = this.#options
    // The key of a removed agent may belong to another agent.
    if (this.#isClosed) throw new Error('this history is no longer read')
    const durable = this.durable
    const reader = place.reader ?? journals.read(key, place.id)
    place.reader = undefined
    const batch = await reader.next()
    // A damaged line at the end of the journal has no events, and the streams are then at its end.
    const id = batch.isEnd && isAfter(durable, batch.last) ? durable : batch.last
    const part = await Part.of(place.id, batch, { id, reader })
    if (!this.#isClosed) recent.keep(key, part)
    return part
  }
}
