import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextBeat } from '../../../src/protocol/heartbeat.ts'
import { Limits } from '../../../src/protocol/index.ts'

/**
 * Returns the time from the last message until silence is detected, if the checks run at the times that
 * `nextBeat` gives.
 */
function foundAfter(heard: number, connected: number, heartbeatMs: number): number {
  let now = connected
  while (now < heard || now - heard < Limits.silence_ms)
    now += nextBeat(Math.min(heard, now), now, heartbeatMs)
  return now - heard
}

test('silence is detected exactly when its limit is reached, no matter when it began', () => {
  const ms = fc.integer({ min: 0, max: 60_000 })
  fc.assert(
    fc.property(
      ms,
      ms,
      fc.integer({ min: 100, max: Limits.heartbeat_ms }),
      (heard, connected, heartbeatMs) => {
        fc.pre(heard >= connected)
        assert.equal(foundAfter(heard, connected, heartbeatMs), Limits.silence_ms)
      },
    ),
  )
})

test('a peer that detects silence late waits one more heartbeat for an answer', () => {
  assert.equal(nextBeat(0, Limits.silence_ms + 1, 10_000), 10_000)
})
