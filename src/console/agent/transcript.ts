import { batch, type ReadonlySignal, signal } from '@preact/signals'
import { type EventId, formatEventId, parseEventId } from '../../client/event-id.ts'
import { eventOf } from '../../client/history.ts'
import type { HubClient } from '../../client/hub-client.ts'
import { pause } from '../../client/until-aborted.ts'
import type { Event } from '../../protocol/events.ts'
import type { HubAgent } from '../../protocol/hub-objects.ts'
import { type AgentRef, afterFailure, type Connection, type FeedHub, feed, RETRY_MS } from './agent-feed.ts'
import { EventWindow, type WindowLimits } from './event-window.ts'
import { FIRST_EVENTS } from './first-events.ts'

/** Number of events with which a transcript opens, if the history has as many. */
const FIRST = 50
/** Number of events to request at once, after the first request. */
const PAGE_EVENTS = 500
/** Maximum number of pages to read until a transcript has `FIRST` events: most events may be pieces of a block. */
const FIRST_PAGES = 5
const LIMITS: WindowLimits = { events: 20_000, bytes: 64 * 1024 * 1024 }

export interface TranscriptOptions {
  /** Calls `run` when the screen is drawn the next time, as `requestAnimationFrame` does. */
  frame(run: () => void): void
  limits?: WindowLimits
}

type TranscriptHub = FeedHub & Pick<HubClient, 'events' | 'eventsBefore'>

/**
 * The conversation of one agent: a part of its history around the place where the reader is, and the stream of
 * new events. Contains each event once, in order, without gaps. All signals change together, at most once per
 * frame of the screen.
 */
export class Transcript {
  readonly #hub: TranscriptHub
  readonly #ref: AgentRef
  readonly #frame: (run: () => void) => void
  readonly #limits: WindowLimits
  readonly #window = new EventWindow()
  readonly #signals = {
    version: signal(0),
    agent: signal<HubAgent | undefined>(undefined),
    connection: signal<Connection>({ state: 'loading' }),
    atBeginning: signal(false),
    atEnd: signal(true),
    missed: signal(0),
  }
  /** Increases when `events` has changed. Read this first, so that the page is drawn again. */
  readonly version: ReadonlySignal<number> = this.#signals.version
  /** The agent's latest status; undefined until the stream has sent it. */
  readonly agent: ReadonlySignal<HubAgent | undefined> = this.#signals.agent
  readonly connection: ReadonlySignal<Connection> = this.#signals.connection
  /** True if `events` begins with the first event of the history. */
  readonly atBeginning: ReadonlySignal<boolean> = this.#signals.atBeginning
  /** True if `events` ends with the newest event. False if it was dropped while the reader was far from it. */
  readonly atEnd: ReadonlySignal<boolean> = this.#signals.atEnd
  /** Number of new events that were not loaded because the reader is far from the end. */
  readonly missed: ReadonlySignal<number> = this.#signals.missed
  #events: readonly Event[] = []
  #agent: HubAgent | undefined
  #connection: Connection = { state: 'loading' }
  /** Id to read earlier events from. Undefined if the window begins with the first event. */
  #previous: string | undefined
  #isLoaded = false
  /** True if the window ends with the newest event, so that new events are appended. */
  #atEnd = true
  #missed = 0
  /** Id of an event that the reader sees. Undefined while the reader follows the end. */
  #place: EventId | undefined
  /** Ends the stream and all requests of the current window. */
  #reading = new AbortController()
  /** Requests in progress. A second call returns the same promise. */
  readonly #requests = new Map<string, Promise<void>>()
  /** Waits for the next frame. */
  #drawn: Promise<void> | undefined
  #isClosed = false

  constructor(hub: TranscriptHub, ref: AgentRef, { frame, limits = LIMITS }: TranscriptOptions) {
    this.#hub = hub
    this.#ref = ref
    this.#frame = (run) => frame(run)
    this.#limits = limits
    void this.#open()
  }

  /**
   * The loaded events in order. The pieces of an unfinished block (`text_delta` and others) are one event, with the
   * id of the first piece; when the block is finished, its own event takes their place. Neither the array nor an
   * event is ever changed: after a change, `events` is another array, which contains the unchanged events.
   */
  get events(): readonly Event[] {
    return this.#events
  }

  /**
   * Tells where the reader is. Events far from this place are dropped first.
   * @param id id of an event that the reader sees; undefined while the reader follows the end
   */
  readAt(id: string | undefined) {
    this.#place = id === undefined ? undefined : parseEventId(id)
  }

  /** Loads earlier events. @throws HubFailure */
  older(): Promise<void> {
    return this.#once('older', () => this.#older())
  }

  /** Loads the events after those that are loaded, if later events were dropped. @throws HubFailure */
  newer(): Promise<void> {
    return this.#once('newer', () => this.#newer())
  }

  /** Goes to the end: loads the newest events, unless they are loaded. */
  async newest(): Promise<void> {
    this.#place = undefined
    if (!this.#atEnd) await this.#open()
  }

  /** Ends the stream and all requests. */
  close() {
    this.#isClosed = true
    this.#reading.abort()
  }

  /** Replaces the window by the newest events, and follows the stream after them. */
  async #open(): Promise<void> {
    const signal = this.#restart()
    this.#show({ state: 'loading' })
    for (let wait = RETRY_MS.first; ; wait = Math.min(wait * 2, RETRY_MS.most)) {
      try {
        await this.#load(signal)
        break
      } catch (error) {
        if (signal.aborted) return
        this.#show(afterFailure(error as Error, this.#connection))
        if (this.#connection.state === 'removed') return
        await pause(wait, signal)
      }
      if (signal.aborted) return
    }
    if (!signal.aborted) this.#follow(signal)
    await this.#change()
  }

  async #load(signal: AbortSignal): Promise<void> {
    const pages: Event[][] = []
    let [count, previous] = [0, undefined as string | undefined]
    const fresh = new EventWindow()
    do {
      const page = await this.#before(previous, pages.length === 0 ? FIRST_EVENTS : PAGE_EVENTS)
      if (signal.aborted) return
      const events = page.events.map(eventOf)
      pages.push(events)
      count += events.length
      previous = page.previous
      fresh.prepend(events)
      // A long range without events has empty pages.
    } while (previous !== undefined && (count === 0 || (fresh.size < FIRST && pages.length < FIRST_PAGES)))
    this.#window.clear()
    for (const page of pages.reverse()) for (const event of page) this.#window.append(event)
    this.#previous = previous
    this.#isLoaded = true
    this.#atEnd = true
    this.#missed = 0
  }

  /** Follows the stream after the window. */
  #follow(signal: AbortSignal) {
    void feed(this.#hub, this.#ref, {
      after: this.#window.last,
      signal,
      onEvent: (event) => this.#onEvent(event),
      onStatus: (agent) => this.#onStatus(agent),
      onConnection: (connection) => this.#show(connection),
    })
  }

  #onEvent(event: Event) {
    if (!this.#atEnd) this.#missed++
    else if (this.#window.append(event)) this.#trim(this.#place)
    else return
    void this.#change()
  }

  #onStatus(agent: HubAgent) {
    const before = this.#agent
    this.#agent = agent
    // Offsets decrease only if another history has replaced this one, for example from a backup of the hub.
    if (before && agent.offset < before.offset) void this.#open()
    else void this.#change()
  }

  async #older(): Promise<void> {
    const { signal } = this.#reading
    for (let isLoaded = false; !isLoaded && this.#previous !== undefined; ) {
      const from = this.#previous
      const page = await this.#before(from, PAGE_EVENTS)
      // Events at the beginning were dropped in the meantime, so the page would leave a gap.
      if (signal.aborted || this.#previous !== from) return
      const place = this.#window.first
      isLoaded = this.#window.prepend(page.events.map(eventOf)) > 0
      this.#previous = page.previous
      this.#trim(place)
    }
    await this.#change()
  }

  async #newer(): Promise<void> {
    const { signal } = this.#reading
    for (let isLoaded = false; !isLoaded && !this.#atEnd; ) {
      const { machine_id, agent_id } = this.#ref
      const from = this.#window.last
      this.#hub.means(agent_id, machine_id)
      const page = await this.#hub.events(agent_id, from && formatEventId(from))
      if (signal.aborted || this.#window.last !== from) return
      for (const event of page.events) isLoaded = this.#window.append(eventOf(event)) || isLoaded
      if (page.next === undefined) {
        // The stream has passed these events, so another stream continues after them.
        this.#atEnd = true
        this.#missed = 0
        this.#follow(this.#restart())
      } else if (page.events.length === 0) this.#window.skipTo(parseEventId(page.next))
      this.#trim(from)
    }
    await this.#change()
  }

  #before(id: string | undefined, limit: number) {
    const { machine_id, agent_id } = this.#ref
    this.#hub.means(agent_id, machine_id)
    return this.#hub.eventsBefore(agent_id, id, limit)
  }

  #trim(place: EventId | undefined) {
    const { front, back } = this.#window.trim(this.#limits, place)
    const { first } = this.#window
    if (front && first) this.#previous = formatEventId(first)
    if (back) this.#atEnd = false
  }

  /** Ends the stream and all requests, unless the transcript is closed, and returns a signal for the next ones. */
  #restart(): AbortSignal {
    this.#reading.abort()
    if (!this.#isClosed) this.#reading = new AbortController()
    return this.#reading.signal
  }

  #once(name: string, load: () => Promise<void>): Promise<void> {
    const known = this.#requests.get(name)
    if (known) return known
    const request = load().finally(() => this.#requests.delete(name))
    this.#requests.set(name, request)
    return request
  }

  #show(connection: Connection) {
    this.#connection = connection
    void this.#change()
  }

  /** Resolves once the signals have changed. */
  #change(): Promise<void> {
    this.#drawn ??= new Promise((resolve) => {
      this.#frame(() => {
        this.#drawn = undefined
        if (!this.#isClosed) this.#draw()
        resolve()
      })
    })
    return this.#drawn
  }

  #draw() {
    const { version, agent, connection, atBeginning, atEnd, missed } = this.#signals
    batch(() => {
      if (this.#events !== this.#window.events) {
        this.#events = this.#window.events
        version.value++
      }
      agent.value = this.#agent
      connection.value = this.#connection
      atBeginning.value = this.#isLoaded && this.#previous === undefined
      atEnd.value = this.#atEnd
      missed.value = this.#missed
    })
  }
}
