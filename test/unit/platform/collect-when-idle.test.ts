import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectWhenIdle } from '../../../src/platform/collect-when-idle.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const CHECK_MS = 5_000

/** Returns a reference to garbage. The reference loses its target as soon as V8 has collected all garbage. */
const garbage = async () => {
  const reference = new WeakRef({})
  // V8 keeps the target of a new reference until the current job ends.
  await new Promise(setImmediate)
  return reference
}

/** Uses CPU time. */
function compute(ms: number) {
  const end = process.cpuUsage().user + ms * 1000
  while (process.cpuUsage().user < end);
}

test('a process collects its garbage once it is idle, and again only after it has grown', async () => {
  const clock = new ManualClock()
  collectWhenIdle(clock)
  compute(100)
  let left = await garbage()
  clock.pass(CHECK_MS)
  assert.ok(left.deref(), 'a busy process must not stop for a collection')
  await new Promise(setImmediate)
  clock.pass(CHECK_MS)
  assert.equal(left.deref(), undefined)

  left = await garbage()
  clock.pass(CHECK_MS)
  assert.ok(left.deref(), 'a process that has not grown has nothing to give back')

  const grown = Buffer.alloc(64 * 1024 * 1024, 1)
  await new Promise(setImmediate)
  clock.pass(CHECK_MS)
  clock.pass(CHECK_MS)
  assert.equal(left.deref(), undefined)
  assert.equal(grown.at(-1), 1)
})
