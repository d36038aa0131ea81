import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNSAFE, visibleJson, visibleLength } from '../../../src/platform/visible.ts'

const EVERY = String.fromCharCode(...Array.from({ length: 0x10000 }, (_, code) => code))

test('JSON stays the same for who parses it, with nothing unsafe in it, and its length is known before', () => {
  for (const text of [
    EVERY,
    `x${EVERY}`,
    'plain',
    '',
    '\u202e'.repeat(100_000),
    '\x7f\u{1f600}'.repeat(50_000),
  ]) {
    const json = JSON.stringify(text)
    const visible = visibleJson(json)
    assert.ok(JSON.parse(visible) === text)
    assert.equal(visible.search(UNSAFE), -1)
    assert.equal(visible.length, visibleLength(json))
  }
  assert.equal(visibleJson('"a\u202eb\x7f"'), '"a\\u202eb\\u007f"')
})
