import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Span } from '../../../../src/daemon/traces/span.ts'
import { type CollectorAnswer, SpanExporter } from '../../../../src/daemon/traces/span-exporter.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { memoryLog } from '../../../support/memory-log.ts'

const span: Span = { traceId: '1', spanId: '2', name: 'a', startMs: 0, endMs: 1, attributes: {} }
const many = (count: number) => Array.from({ length: count }, () => span)
const settled = () => new Promise(setImmediate)

function exporterWith(answer: (n: number) => CollectorAnswer | Error) {
  const clock = new ManualClock()
  const { logger, lines } = memoryLog()
  const sent: number[] = []
  const exporter = new SpanExporter({
    async post(spans) {
      sent.push(spans.length)
      const given = answer(sent.length)
      if (given instanceof Error) throw given
      return given
    },
    clock,
    logger,
  })
  return { clock, lines, sent, exporter }
}
const ok = { status: 200, retryAfter: undefined }

test('spans are collected and sent in batches', async () => {
  const { clock, sent, exporter } = exporterWith(() => ok)
  exporter.add(many(3))
  exporter.add(many(250))
  assert.deepEqual(sent, [])
  for (let n = 0; n < 3; n++) {
    clock.pass(5000)
    await settled()
  }
  assert.deepEqual(sent, [200, 53])
  assert.equal(exporter.dropped, 0)
})

test('while the collector is away, a bounded number of spans waits, and the others are counted', async () => {
  const { clock, sent, lines, exporter } = exporterWith((n) => (n < 4 ? new Error('ECONNREFUSED') : ok))
  exporter.add(many(1999))
  for (let n = 0; n < 3; n++) {
    clock.pass(60_000)
    await settled()
    exporter.add(many(10))
  }
  assert.equal(exporter.dropped, 29)
  assert.deepEqual(sent, [200, 200, 200])
  assert.match(lines[0]!.msg, /spans were dropped: the collector does not keep up/)
  for (let n = 0; n < 12; n++) {
    clock.pass(60_000)
    await settled()
  }
  assert.equal(
    sent.slice(3).reduce((sum, count) => sum + count),
    2000,
  )
})

test('the collector chooses the pause, and spans that it refuses are dropped', async () => {
  const answers = [{ status: 429, retryAfter: '30' }, { status: 413, retryAfter: undefined }, ok]
  const { clock, sent, exporter } = exporterWith((n) => answers[Math.min(n, 3) - 1]!)
  exporter.add(many(1))
  clock.pass(5000)
  await settled()
  clock.pass(29_000)
  await settled()
  assert.equal(sent.length, 1)
  clock.pass(1000)
  await settled()
  assert.deepEqual([sent.length, exporter.dropped], [2, 1])
})

test('the last spans are sent at the end, but a silent collector does not hold up the end', async () => {
  const { sent, exporter } = exporterWith(() => ok)
  exporter.add(many(201))
  await exporter.close()
  assert.deepEqual(sent, [200, 1])

  const clock = new ManualClock()
  const silent = new SpanExporter({
    post: (_, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    clock,
    logger: memoryLog().logger,
  })
  silent.add(many(1))
  const closed = silent.close()
  await settled()
  clock.pass(2000)
  await closed
})
