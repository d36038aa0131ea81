import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Latest } from '../../../../src/hub/streams/latest.ts'

test('the latest keys are kept, latest first, and keys of the same time in their order', () => {
  const latest = new Latest(3)
  for (const [time, key] of ['b1', 'a2', 'c3', 'c4', 'a5', 'd6'].map((text) => [text[0]!, text]))
    latest.add(time!, key!)
  assert.deepEqual(latest.keys, ['d6', 'c3', 'c4'])
})
