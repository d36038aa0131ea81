import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { Outbox, type Source } from '../../src/link/outbox.ts'
import { type Activity, type Event, Limits } from '../../src/protocol/index.ts'
import { ManualClock } from './manual-clock.ts'

export const KIB = 1024

/** A simulated journal that knows only the lengths of its lines. */
export class Lines implements Source {
  readonly id: string
  sent = 0
  acked = 0
  readonly ends: number[] = []

  constructor(id: string) {
    this.id = id
  }

  get size() {
    return this.ends.at(-1) ?? 0
  }

  append(bytes: number) {
    this.ends.push(this.size + bytes)
  }

  read(budget: number) {
    const from = this.sent
    const events: Event[] = []
    for (const end of this.ends) {
      if (end <= from) continue
      if (this.sent - from >= budget) break
      events.push({ kind: 'unknown', offset: this.sent, index: 0, raw: end })
      this.sent = end
    }
    return this.sent === from ? undefined : { from, to: this.sent, events }
  }

  acknowledge(offset: number) {
    this.acked = Math.max(this.acked, offset)
    this.sent = Math.max(this.sent, this.acked)
  }

  rewind(offset: number) {
    this.acked = offset
    this.sent = offset
  }
}

/** A server that follows the protocol. */
class Receiver {
  /** End offsets of the stored lines, by agent. Only the first `durable` bytes survive a crash. */
  readonly lines = new Map<string, number[]>()
  readonly durable = new Map<string, number>()
  readonly #missing = new Set<string>()

  have(id: string) {
    return this.lines.get(id)?.at(-1) ?? 0
  }

  /** @returns the offset from which to send again, or undefined if the frame was stored or known */
  take({ agent_id, from, to, events }: Activity, failing: boolean): number | undefined {
    const have = this.have(agent_id)
    if (to <= have) return undefined
    if (from === have && !failing) {
      this.#missing.delete(agent_id)
      this.lines.set(agent_id, [
        ...(this.lines.get(agent_id) ?? []),
        ...events.map((event) => (event as Event & { kind: 'unknown' }).raw as number),
      ])
      return undefined
    }
    return have
  }

  /**
   * Like `take`, but asks only once for each gap, as the protocol requires. Each failure to store is a new
   * gap.
   */
  takeAskingOnce(frame: Activity, failing: boolean): number | undefined {
    const resend = this.take(frame, failing)
    if (resend === undefined) return undefined
    if (frame.from !== resend && this.#missing.has(frame.agent_id)) return undefined
    this.#missing.add(frame.agent_id)
    return resend
  }

  sync() {
    for (const id of this.lines.keys()) this.durable.set(id, this.have(id))
    return Object.fromEntries(this.durable)
  }

  /** Restarts with the contents of the disk, or with the older contents of a backup. */
  restart(keep: (durable: number, ends: number[]) => number) {
    this.#missing.clear()
    for (const [id, ends] of this.lines) {
      const offset = keep(this.durable.get(id) ?? 0, ends)
      this.lines.set(
        id,
        ends.filter((end) => end <= offset),
      )
      this.durable.set(id, offset)
    }
    return Object.fromEntries(this.durable)
  }
}

/** An outbox, a server, and the wire between them. A test moves frames step by step. */
export class Bench {
  readonly clock = new ManualClock()
  readonly sources = [new Lines('a'), new Lines('b'), new Lines('c')]
  readonly server = new Receiver()
  readonly wire: Activity[] = []
  readonly back: (() => void)[] = []
  sentFrames = 0
  failing = false
  askOnce: boolean
  isBusy = false
  readonly outbox = new Outbox(this, this.clock)

  constructor({ askOnce = true } = {}) {
    this.askOnce = askOnce
  }

  send(frame: Activity) {
    assert.ok(!this.isBusy, 'sent while the link was busy')
    this.sentFrames++
    this.wire.push(frame)
    const ahead = this.sources.reduce((sum, { sent, acked }) => sum + sent - acked, 0)
    assert.ok(ahead - (frame.to - frame.from) < Limits.window_bytes, `${ahead} bytes ahead`)
  }

  connect(offsets: Record<string, number> = Object.fromEntries(this.server.durable)) {
    this.outbox.close()
    this.wire.length = 0
    this.back.length = 0
    this.outbox.open(this.sources, offsets)
  }

  append(source: Lines, bytes: number) {
    source.append(bytes)
    this.outbox.offer(source)
  }

  /** The server takes the next frame. */
  take() {
    const frame = this.wire.shift()
    if (!frame) return
    const failing = this.failing
    this.failing = false
    const resend = this.askOnce
      ? this.server.takeAskingOnce(frame, failing)
      : this.server.take(frame, failing)
    const source = this.sources.find(({ id }) => id === frame.agent_id)!
    if (resend !== undefined) this.back.push(() => this.outbox.resend(source, resend))
  }

  ack() {
    const offsets = this.server.sync()
    this.back.push(() => {
      for (const source of this.sources) this.outbox.acknowledge(source, offsets[source.id] ?? 0)
    })
  }

  drain() {
    this.isBusy = false
    this.outbox.onDrained()
  }

  /** Runs until no frame is sent anymore. */
  async settle() {
    this.drain()
    for (let quiet = 0; quiet < 3; ) {
      const before = this.sentFrames
      while (this.wire.length > 0) this.take()
      this.ack()
      while (this.back.length > 0) this.back.shift()!()
      this.clock.pass(1000)
      await turn()
      quiet = this.sentFrames === before && this.wire.length === 0 ? quiet + 1 : 0
    }
  }

  assertComplete() {
    for (const { id, ends } of this.sources) assert.deepEqual(this.server.lines.get(id) ?? [], ends, id)
  }
}
