import { type Activity, type Event, Limits } from '../protocol/index.ts'

/** Journal bytes in one frame: enough to be cheap per byte, little enough to be fair between agents. */
const FRAME_BYTES = 64 * 1024
/** Frames sent before other work of the event loop gets its turn. */
const FRAMES_PER_TURN = 32

/** An append-only stream of one agent, and how far it has got. */
export interface Source {
  readonly id: string
  /** Bytes handed out by `read`. */
  readonly sent: number
  /** Bytes that the server has. */
  readonly acked: number
  read(budget: number): { from: number; to: number; events: Event[] } | undefined
  acknowledge(offset: number): void
  rewind(offset: number): void
}

/**
 * Sends what sources have, in turns, never more than `Limits.window_bytes` ahead of what the server has acknowledged:
 * a server that stops reading costs a window of memory, and the sources' files hold the rest.
 */
export class Outbox {
  readonly #send: (message: Activity) => void
  readonly #ready = new Set<Source>()
  #inFlight = 0
  #open = false
  #scheduled = false

  constructor(send: (message: Activity) => void) {
    this.#send = send
  }

  /** The link is live and the server has said where it stands: each source goes on from there. */
  open(sources: Iterable<Source>, offsets: Record<string, number>) {
    this.#ready.clear()
    this.#inFlight = 0
    this.#open = true
    for (const source of sources) {
      source.rewind(offsets[source.id] ?? 0)
      this.#inFlight += source.sent - source.acked
      this.#ready.add(source)
    }
    this.#pump()
  }

  close() {
    this.#open = false
    this.#ready.clear()
    this.#inFlight = 0
  }

  /** The source may have something new. */
  offer(source: Source) {
    if (!this.#open) return
    this.#ready.add(source)
    this.#pump()
  }

  acknowledge(source: Source, offset: number) {
    const before = source.acked
    source.acknowledge(offset)
    this.#inFlight = Math.max(0, this.#inFlight - (source.acked - before))
    this.#pump()
  }

  /** The server has a gap: it stands at `offset`. */
  resend(source: Source, offset: number) {
    this.#inFlight -= source.sent - source.acked
    source.rewind(offset)
    this.#inFlight += source.sent - source.acked
    this.offer(source)
  }

  /** The source is no more. */
  drop(source: Source) {
    this.#ready.delete(source)
    this.#inFlight = Math.max(0, this.#inFlight - (source.sent - source.acked))
  }

  #pump() {
    if (this.#scheduled) return
    let frames = 0
    for (const source of this.#ready) {
      if (!this.#open || this.#inFlight >= Limits.window_bytes) return
      if (frames++ === FRAMES_PER_TURN) return this.#later()
      this.#ready.delete(source)
      const frame = source.read(FRAME_BYTES)
      if (!frame) continue
      this.#inFlight += frame.to - frame.from
      // Behind the others: a chatty agent gets one frame a turn like everybody else.
      this.#ready.add(source)
      this.#send({ type: 'agent:activity', agent_id: source.id, ...frame })
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
