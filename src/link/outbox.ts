import { type Clock, systemClock, type Timer } from '../platform/clock.ts'
import { type Activity, Limits } from '../protocol/index.ts'

/**
 * Number of journal bytes in one frame. A large frame has less overhead per byte, but a very large frame
 * would delay agents with less output.
 */
const FRAME_BYTES = 64 * 1024
/** Maximum number of frames sent before yielding to the event loop. */
const FRAMES_PER_TURN = 32
/**
 * Minimum time between two resends of the same gap, in ms. The limit is needed because a server may report
 * the gap again for every later frame.
 */
const RESEND_MS = 1000

/** A part of a source that is sent in one frame. */
interface Part extends Omit<Activity, 'type' | 'agent_id'> {
  /** True if there may be more bytes, even if this part is short. */
  more?: boolean
}

/**
 * The journal of one agent as a stream of bytes, and the offsets up to which the stream was sent and
 * acknowledged.
 */
export interface Source {
  readonly id: string
  /** Offset up to which `read` has returned the stream. */
  readonly sent: number
  /** Offset up to which the server has the stream. */
  readonly acked: number
  /**
   * Returns the events in the next bytes after `sent`: about `budget` bytes, or fewer at the end of the
   * stream. `offer` must be called when more bytes are written.
   * @returns undefined if there are none
   */
  read(budget: number): Part | undefined
  acknowledge(offset: number): void
  /**
   * Moves `acked` and `sent` to the server's position `offset`. If the first byte that is still on disk is
   * later, moves them to this byte.
   */
  rewind(offset: number): void
}

/** A gap in the server's copy that was recently resent. */
interface Resent {
  offset: number
  timer: Timer
  askedAgain: boolean
}

/** The part of the connection that the outbox needs. */
export interface Outlet {
  /** True while the send buffer of the connection is full. */
  readonly isBusy: boolean
  send(message: Activity): void
}

/**
 * Sends the bytes of all sources in turn. Sending pauses while `Limits.window_bytes` are unacknowledged or
 * the outlet is busy. Both limits are needed, because a frame can be many times larger than its journal
 * bytes. If a server stops reading, these limits bound the memory in use. Bytes that are not sent stay in the
 * journals.
 */
export class Outbox {
  readonly #outlet: Outlet
  readonly #clock: Clock
  readonly #ready = new Set<Source>()
  readonly #resent = new Map<Source, Resent>()
  /**
   * Sources for which the server has sent an invalid offset. These sources are not sent until the server
   * requests a valid offset.
   */
  readonly #held = new Set<Source>()
  #inFlight = 0
  #open = false
  #scheduled = false

  constructor(outlet: Outlet, clock: Clock = systemClock) {
    this.#outlet = outlet
    this.#clock = clock
  }

  /**
   * Starts sending each source from the server's offset. Called when the connection is live.
   * @param held sources with an invalid offset
   */
  open(sources: Iterable<Source>, offsets: Record<string, number>, held: ReadonlySet<Source> = new Set()) {
    this.close()
    this.#open = true
    for (const source of sources) {
      // Read only own properties, because an agent's id may be `constructor`.
      const offset = Object.hasOwn(offsets, source.id) ? offsets[source.id]! : 0
      source.rewind(held.has(source) ? source.acked : offset)
      this.#inFlight += ahead(source)
      if (held.has(source)) this.#held.add(source)
      else this.#ready.add(source)
    }
    this.#pump()
  }

  close() {
    this.#open = false
    this.#ready.clear()
    this.#held.clear()
    this.#inFlight = 0
    for (const source of this.#resent.keys()) this.#forgetGap(source)
  }

  /** Announces that the source may have new bytes. @returns whether all of the source's bytes were read */
  offer(source: Source): boolean {
    if (!this.#open || this.#held.has(source)) return false
    this.#ready.add(source)
    this.#pump()
    return !this.#ready.has(source)
  }

  /** Continues sending, because the outlet is no longer busy. */
  onDrained() {
    this.#pump()
  }

  acknowledge(source: Source, offset: number) {
    if (this.#change(source, () => source.acknowledge(offset))) this.#pump()
  }

  /** Resends the source from `offset` on, because the server's copy has a gap there. */
  resend(source: Source, offset: number) {
    if (!this.#open) return
    this.#held.delete(source)
    const last = this.#resent.get(source)
    if (last?.offset === offset) {
      last.askedAgain = true
      return
    }
    this.#forgetGap(source)
    this.#change(source, () => source.rewind(offset))
    const resent: Resent = {
      offset,
      askedAgain: false,
      timer: this.#clock.setTimeout(() => {
        this.#resent.delete(source)
        if (resent.askedAgain && source.acked === offset) this.resend(source, offset)
      }, RESEND_MS),
    }
    this.#resent.set(source, resent)
    this.offer(source)
  }

  /** Removes a source. */
  drop(source: Source) {
    this.#ready.delete(source)
    this.#held.delete(source)
    this.#forgetGap(source)
    if (this.#open) this.#inFlight -= ahead(source)
    this.#pump()
  }

  /** Applies a change to a source and updates `#inFlight`. @returns whether the connection is open */
  #change(source: Source, change: () => void): boolean {
    const before = ahead(source)
    change()
    if (this.#open) this.#inFlight += ahead(source) - before
    return this.#open
  }

  #forgetGap(source: Source) {
    const resent = this.#resent.get(source)
    if (resent) this.#clock.clearTimeout(resent.timer)
    this.#resent.delete(source)
  }

  #pump() {
    if (this.#scheduled) return
    let frames = 0
    for (const source of this.#ready) {
      if (!this.#open || this.#outlet.isBusy || this.#inFlight >= Limits.window_bytes) return
      if (frames++ === FRAMES_PER_TURN) return this.#later()
      this.#ready.delete(source)
      const part = source.read(FRAME_BYTES)
      if (!part) continue
      const { more, ...frame } = part
      this.#inFlight += frame.to - frame.from
      // Move the source to the end of the queue, so that an agent with much output gets only one frame per
      // turn, like all other agents.
      if (more || frame.to - frame.from >= FRAME_BYTES) this.#ready.add(source)
      this.#outlet.send({ type: 'agent:activity', agent_id: source.id, ...frame })
    }
  }

  #later() {
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }
}

const ahead = (source: Source) => source.sent - source.acked
