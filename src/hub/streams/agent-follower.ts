import type { Clock } from '../../platform/clock.ts'
import type { Follower } from '../gate/followers.ts'
import { type EventId, isAfter } from '../store/event-id.ts'
import type { Place } from './part.ts'
import type { SharedHistory } from './shared-history.ts'
import type { Slices } from './slices.ts'
import { KEEP_ALIVE } from './sse.ts'

/** Amount of text after which no further part is added to a write, in bytes. */
const WRITE_BYTES = 256 * 1024
/** Time without a message after which a stream gets a keep-alive message, in milliseconds. */
const IDLE_MS = 10_000

/** The status of an agent at one moment. */
export interface StatusNow {
  text: Buffer
  /** Number of this status. */
  number: number
  /** Place of the last event that was durable before this status. */
  after: EventId
}

/** The part of a broadcast that its followers need. */
export interface Broadcast {
  readonly history: SharedHistory
  readonly status: StatusNow | undefined
  /** True if the agent was removed or the hub is stopping. */
  readonly isOver: boolean
}

export interface AgentFollowerOptions {
  follower: Follower
  broadcast: Broadcast
  /** Place after which the stream begins. */
  place: Place
  /** Runs the writes of all streams. */
  writes: Slices
  clock: Clock
}

/**
 * A client's stream of an agent's activity. Sends the parts that are in memory at once, and reads the others at
 * the client's speed.
 */
export class AgentFollower {
  readonly #options: AgentFollowerOptions
  #place: Place
  /** Text that was read for this client, and that counts as unread. */
  #ready: Buffer | undefined
  /** True while the stream waits for its client, for memory, or for a read. */
  #isWaiting = false
  /** Least number of the next status to send; undefined if the client has the current status. */
  #dueStatus: number | undefined
  #wroteAt: number

  constructor(options: AgentFollowerOptions) {
    this.#options = options
    this.#place = options.place
    this.#wroteAt = options.clock.monotonic()
    options.follower.response.on('drain', () => this.#onRead())
  }

  /** Makes the stream send a status once the client has all activity before this status. */
  expectStatus(number: number) {
    this.#dueStatus = number
  }

  /** Sends the messages that the client does not have yet, when other streams have sent theirs. */
  wake() {
    this.#options.writes.add(this.#serve)
  }

  #serve = () => {
    const { broadcast, clock } = this.#options
    const { response } = this.#options.follower
    if (this.#isWaiting || response.destroyed || response.writableEnded) return
    if (broadcast.isOver) return void response.end()
    const texts: (Buffer | string)[] = [...this.#next()]
    if (texts.length === 0 && clock.monotonic() - this.#wroteAt >= IDLE_MS) texts.push(KEEP_ALIVE)
    if (texts.length > 0) this.#write(texts)
    if (!this.#isWaiting && this.#isBehind) void this.#read()
  }

  /** True if the client lacks activity that was already read for other clients. */
  get #isBehind() {
    return isAfter(this.#options.broadcast.history.live, this.#place.id)
  }

  /** Yields messages that are in memory. */
  *#next(): Iterable<Buffer> {
    const ready = this.#ready
    this.#ready = undefined
    // A range without events must not pass for a message, because the client needs keep-alive messages.
    if (ready && ready.length > 0) yield ready
    if (ready || this.#options.follower.hasRoom) yield* this.#known(WRITE_BYTES - (ready?.length ?? 0))
    const { status } = this.#options.broadcast
    if (this.#dueStatus === undefined || !status || status.number < this.#dueStatus) return
    if (isAfter(status.after, this.#place.id)) return
    this.#dueStatus = undefined
    yield status.text
  }

  /** Yields about `room` bytes of the activity that was read for other clients. */
  *#known(room: number): Iterable<Buffer> {
    for (let bytes = 0; bytes < room && this.#isBehind; ) {
      const part = this.#options.broadcast.history.known(this.#place)
      if (!part) return
      const text = part.textAfter(this.#place.id)
      this.#place = part.end
      bytes += text.length
      if (text.length > 0) yield text
    }
  }

  #write(texts: (Buffer | string)[]) {
    const { follower, clock } = this.#options
    const { response } = follower
    this.#wroteAt = clock.monotonic()
    let bytes = 0
    // Otherwise Node would write to the socket after all streams of this slice.
    response.socket?.cork()
    for (const text of texts) {
      response.write(text)
      bytes += text.length
    }
    response.socket?.uncork()
    this.#isWaiting = response.writableNeedDrain
    if (this.#isWaiting) follower.hold(bytes)
    else follower.release()
  }

  #onRead() {
    this.#isWaiting = false
    this.#options.follower.release()
    this.wake()
  }

  /** Reads the next part once there is memory for it. */
  async #read() {
    const { broadcast, follower } = this.#options
    const { history } = broadcast
    this.#isWaiting = true
    try {
      const shared = history.reading(this.#place)
      if (shared) await shared
      else
        this.#ready = await follower.next(async () => {
          const part = await history.read(this.#place)
          const text = part.textAfter(this.#place.id)
          this.#place = part.end
          return text
        })
    } catch {
      // The client can resume the stream.
      follower.response.end()
    }
    this.#isWaiting = false
    this.wake()
  }
}
