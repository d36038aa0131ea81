import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Outbox } from '../../../src/link/outbox.ts'
import { Limits } from '../../../src/protocol/index.ts'
import { Bench, KIB, Lines } from '../../support/outbox-bench.ts'

type Step = (bench: Bench) => void | Promise<void>

const anySource = fc.nat({ max: 2 })

/** Lengths of lines: mostly short, sometimes longer than a frame, rarely longer than the window. */
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
    'the link is lost, but the server keeps running',
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

test('the id of an agent can be the name of a property that every JavaScript object has', () => {
  const outbox = new Outbox({ isBusy: false, send: () => {} })
  const source = new Lines('constructor')
  outbox.open([source], {})
  assert.deepEqual([source.acked, source.sent], [0, 0])
})

test('an agent with much output does not delay an agent with little output', () => {
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

test('a server that acknowledges nothing gets exactly one full window', async () => {
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

test('if a server requests a resend for every frame after a gap, each frame is sent only a few times', async () => {
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

test('the outbox sends nothing while the link is busy, and sends the missed frames later', async () => {
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

test('if a server fails twice to store a frame, the frame is sent a third time', () => {
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
