import { type Clock, systemClock, type Timer } from '../platform/clock.ts'
import { type Activity, Limits } from '../protocol/index.ts'

/** Journal bytes in one frame: enough to be cheap per byte, little enough to be fair between agents. */
const FRAME_BYTES = 64 * 1024
/** Frames sent before other work of the event loop gets its turn. */
const FRAMES_PER_TURN = 32
/** A server that misses something may say so for every frame behind the gap: within this time once is enough. */
const RESEND_MS = 1000

/** A part of a source on its way to the server. */
interface Part extends Omit<Activity, 'type' | 'agent_id'> {
  /** There may be more, however short this is. */
  more?: boolean
}

/** An append-only stream of one agent, and how far it has got. */
export interface Source {
  readonly id: string
  /** Bytes handed out by `read`. */
  readonly sent: number
  /** Bytes that the server has. */
  readonly acked: number
  /**
   * The next bytes behind `sent`, as events: `budget` bytes or a little more, or all there are. What comes to be there
   * later is offered.
   * @returns undefined while there is none
   */
  read(budget: number): Part | undefined
  acknowledge(offset: number): void
  /** The server stands at `offset`: both `acked` and `sent` are that from now on, as far as it is still to be had. */
  rewind(offset: number): void
}

/** A gap that was filled lately. */
interface Resent {
  offset: number
  timer: Timer
  askedAgain: boolean
}

/** Where activity goes. */
export interface Outlet {
  /** So much waits to be sent that more has to wait, too. */
  readonly busy: boolean
  send(message: Activity): void
}

/**
 * Sends what sources have, in turns, and nothing while it is `Limits.window_bytes` ahead of what the server has
 * acknowledged, or the outlet is busy: journal bytes may become many times as many in a frame. A server that stops
 * reading costs that much memory, and the sources' files hold the rest.
 */
export class Outbox {
  readonly #outlet: Outlet
  readonly #clock: Clock
  readonly #ready = new Set<Source>()
  readonly #resent = new Map<Source, Resent>()
  /** Where the server says it stands makes no sense: nothing is sent until it asks for a place that does. */
  readonly #held = new Set<Source>()
  #inFlight = 0
  #open = false
  #scheduled = false

  constructor(outlet: Outlet, clock: Clock = systemClock) {
    this.#outlet = outlet
    this.#clock = clock
  }

  /**
   * The link is live and the server has said where it stands: each source goes on from there.
   * @param held those of which the server has said something that makes no sense
   */
  open(sources: Iterable<Source>, offsets: Record<string, number>, held: ReadonlySet<Source> = new Set()) {
    this.close()
    this.#open = true
    for (const source of sources) {
      // An agent may be called `constructor`.
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

  /** The source may have something new. @returns whether everything that it has was read */
  offer(source: Source): boolean {
    if (!this.#open || this.#held.has(source)) return false
    this.#ready.add(source)
    this.#pump()
    return !this.#ready.has(source)
  }

  /** The outlet is no longer busy. */
  drained() {
    this.#pump()
  }

  acknowledge(source: Source, offset: number) {
    if (this.#change(source, () => source.acknowledge(offset))) this.#pump()
  }

  /** The server has a gap: it stands at `offset`. */
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

  /** The source is no more. */
  drop(source: Source) {
    this.#ready.delete(source)
    this.#held.delete(source)
    this.#forgetGap(source)
    if (this.#open) this.#inFlight -= ahead(source)
    this.#pump()
  }

  /** @returns whether there is anybody to send to */
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
      if (!this.#open || this.#outlet.busy || this.#inFlight >= Limits.window_bytes) return
      if (frames++ === FRAMES_PER_TURN) return this.#later()
      this.#ready.delete(source)
      const part = source.read(FRAME_BYTES)
      if (!part) continue
      const { more, ...frame } = part
      this.#inFlight += frame.to - frame.from
      // Behind the others: a chatty agent gets one frame a turn like everybody else.
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
