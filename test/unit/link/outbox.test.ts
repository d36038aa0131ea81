import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Outbox, type Source } from '../../../src/link/outbox.ts'
import { type Activity, type Event, Limits } from '../../../src/protocol/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const KIB = 1024

/** A journal that has only the lengths of its lines. */
class Lines implements Source {
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
  /** Ends of the stored lines, by agent; only the first `durable` bytes survive a crash. */
  readonly lines = new Map<string, number[]>()
  readonly durable = new Map<string, number>()
  readonly #missing = new Set<string>()

  have(id: string) {
    return this.lines.get(id)?.at(-1) ?? 0
  }

  /** @returns the offset to send again from, if any */
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

  /** Like `take`, but asks once per gap, as the protocol requires; every failure to store is a new gap. */
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

  /** Restarts with the contents of the disk, or with less from a backup. */
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

/** An outbox, a server, and the wire between them, which a test moves step by step. */
class Bench {
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

  /** Runs until nothing moves. */
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

type Step = (bench: Bench) => void | Promise<void>

const anySource = fc.nat({ max: 2 })
/** Mostly short, sometimes longer than a frame, rarely longer than the window. */
const anyLength = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 2 * KIB }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 300 * KIB }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 * KIB * KIB }) },
)

const append = fc
  .tuple(anySource, fc.array(anyLength, { minLength: 1, maxLength: 20 }))
  .map(([which, lengths]): [string, Step] => [
    `append ${lengths} to ${which}`,
    (bench) => {
      for (const bytes of lengths) bench.append(bench.sources[which]!, bytes)
    },
  ])
const restart = fc.nat().map((kept): [string, Step] => [
  `the server comes back with a backup (${kept})`,
  (bench) =>
    bench.connect(
      bench.server.restart((durable, ends) => {
        const saved = [0, ...ends.filter((end) => end <= durable)]
        return saved[kept % saved.length]!
      }),
    ),
])
const simple: [string, Step][] = [
  ['the server takes a frame', (bench) => bench.take()],
  ['acknowledges', (bench) => bench.ack()],
  ['the daemon hears', (bench) => bench.back.shift()?.()],
  [
    'a frame cannot be stored',
    (bench) => {
      bench.failing = true
    },
  ],
  ['the link is lost', (bench) => bench.connect(bench.server.restart((durable) => durable))],
  [
    'the link is lost, the server lives',
    (bench) => {
      bench.server.sync()
      bench.connect()
    },
  ],
  [
    'the link becomes busy',
    (bench) => {
      bench.isBusy = true
    },
  ],
  ['the link drains', (bench) => bench.drain()],
  ['time passes', (bench) => bench.clock.pass(1000)],
  [
    'the loop turns',
    async () => {
      await turn()
    },
  ],
]
const anyStep = fc.oneof(
  { weight: 3, arbitrary: append },
  { weight: 8, arbitrary: fc.constantFrom(...simple) },
  { weight: 1, arbitrary: restart },
)

for (const askOnce of [true, false])
  test(`the outbox delivers every line once and in order (to a server that asks ${askOnce ? 'once' : 'for each frame'})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 60 }), async (steps) => {
        const bench = new Bench({ askOnce })
        bench.connect({})
        for (const [, step] of steps) await step(bench)
        await bench.settle()
        bench.assertComplete()
      }),
      { numRuns: 150 },
    )
  })

test('an agent may be named like a property of every object', () => {
  const outbox = new Outbox({ isBusy: false, send: () => {} })
  const source = new Lines('constructor')
  outbox.open([source], {})
  assert.deepEqual([source.acked, source.sent], [0, 0])
})

test('a chatty agent does not hold up a quiet one', () => {
  const bench = new Bench()
  const [chatty, quiet] = bench.sources as [Lines, Lines]
  for (let i = 0; i < 2000; i++) chatty.append(KIB)
  quiet.append(10)
  bench.connect({})
  assert.deepEqual(
    bench.wire.slice(0, 3).map(({ agent_id }) => agent_id),
    ['a', 'b', 'a'],
  )
})

test('a server that acknowledges nothing gets one full window', async () => {
  const bench = new Bench()
  const [source] = bench.sources as [Lines]
  for (let i = 0; i < 20 * KIB; i++) source.append(KIB)
  bench.connect({})
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(source.sent, Limits.window_bytes)
  await bench.settle()
  bench.assertComplete()
})

test('a server that reconnects with a lower offset gets the missing bytes again, one window at a time', async () => {
  const bench = new Bench()
  const [source] = bench.sources as [Lines]
  for (let i = 0; i < 20 * KIB; i++) source.append(KIB)
  bench.connect({})
  await bench.settle()
  bench.connect(bench.server.restart(() => 10 * KIB))
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(source.sent, 10 * KIB + Limits.window_bytes)
  await bench.settle()
  bench.assertComplete()
})

test('a server that asks again for every frame after a gap gets each frame only a few times', async () => {
  const bench = new Bench({ askOnce: false })
  const [source] = bench.sources as [Lines]
  for (let i = 0; i < 4 * KIB; i++) source.append(KIB)
  bench.connect({})
  for (let i = 0; i < 10; i++) await turn()
  const frames = bench.sentFrames
  bench.failing = true
  await bench.settle()
  bench.assertComplete()
  assert.ok(bench.sentFrames <= 3 * frames, `${bench.sentFrames} frames sent for ${frames}`)
})

test('the outbox sends nothing while the link is busy, and catches up afterwards', async () => {
  const bench = new Bench()
  const [one, other] = bench.sources as [Lines, Lines]
  bench.isBusy = true
  one.append(100)
  bench.connect({})
  bench.append(other, 100)
  bench.outbox.resend(other, 0)
  await turn()
  assert.equal(bench.sentFrames, 0)
  bench.drain()
  assert.deepEqual(
    bench.wire.map(({ agent_id }) => agent_id),
    ['a', 'b'],
  )
})

test('the outbox sends nothing without a link', () => {
  const bench = new Bench()
  bench.append(bench.sources[0]!, 100)
  bench.connect({})
  bench.outbox.close()
  bench.append(bench.sources[0]!, 100)
  assert.equal(bench.sentFrames, 1)
})

test('the unacknowledged bytes of a removed agent no longer count', async () => {
  const bench = new Bench()
  const [removed, other] = bench.sources as [Lines, Lines]
  removed.append(Limits.window_bytes)
  bench.connect({})
  bench.append(other, 10)
  assert.equal(bench.sentFrames, 1)
  bench.sources.shift()
  bench.outbox.drop(removed)
  assert.deepEqual(bench.wire.at(-1), {
    type: 'agent:activity',
    agent_id: 'b',
    from: 0,
    to: 10,
    events: [{ kind: 'unknown', offset: 0, index: 0, raw: 10 }],
  })
})

test('a frame that a server twice could not store is sent a third time', () => {
  const bench = new Bench()
  bench.append(bench.sources[0]!, 10)
  bench.connect({})
  for (const _ of ['first', 'second']) {
    bench.failing = true
    bench.take()
    bench.back.shift()!()
  }
  bench.clock.pass(1000)
  assert.deepEqual([bench.sentFrames, bench.wire.length], [3, 1])
  bench.take()
  bench.assertComplete()
})
