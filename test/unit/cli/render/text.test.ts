import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantsColor } from '../../../../src/cli/render/ansi.ts'
import { cleanLine } from '../../../../src/cli/render/clean.ts'
import { bytes, span } from '../../../../src/cli/render/units.ts'
import { cutPath, textWidth } from '../../../../src/cli/render/width.ts'
import { duration } from '../../../../src/client/units.ts'

test('the width of text is measured in terminal columns', () => {
  assert.deepEqual(
    ['abc', '日本', 'e\u0301', '🎉', '👩\u200d💻', '❤\ufe0f', ''].map(textWidth),
    [3, 4, 1, 2, 2, 2, 0],
  )
  // Tests letters of several characters, which terminals show side by side, and symbols that are wide since
  // Unicode 16.
  assert.deepEqual(
    ['\u1100'.repeat(50), '\u0915\u094d'.repeat(50), '\u4dc0\u2630', '\u{18b00}'].map(textWidth),
    [100, 50, 4, 2],
  )
  assert.equal(cleanLine('日本語です', 6), '日本…')
  assert.equal(cleanLine('🎉🎉🎉', 4), '🎉…')
})

test('a path is cut in its middle', () => {
  assert.equal(cutPath('/a/b', 10), '/a/b')
  assert.equal(cutPath('/home/me/projects/one/src', 20), '/home/me/pr…/one/src')
  assert.equal(cutPath('/home/me/projects/two/src', 20), '/home/me/pr…/two/src')
  assert.equal(cutPath(`/x/${'a'.repeat(30)}-end`, 12), '/aaaaa…a-end')
})

test('times and sizes are shown in suitable units', () => {
  assert.deepEqual([0, 59_400, 60_000, 7_200_000, 200_000_000].map(span), [
    '0 s',
    '59 s',
    '1 min',
    '2 h',
    '2 d',
  ])
  assert.deepEqual([40, 59_940, 61_000].map(duration), ['0.0 s', '59.9 s', '1 min 1 s'])
  assert.deepEqual([0, 1023, 1536, 3 * 2 ** 30].map(bytes), ['0 B', '1023 B', '1.5 KiB', '3.0 GiB'])
})

test('output has colors only on a terminal, or when requested', () => {
  assert.equal(wantsColor({}, true), true)
  assert.equal(wantsColor({}, false), false)
  assert.equal(wantsColor({ TERM: 'dumb' }, true), false)
  assert.equal(wantsColor({ NO_COLOR: '1' }, true), false)
  assert.equal(wantsColor({ FORCE_COLOR: '1', NO_COLOR: '1' }, false), true)
  assert.equal(wantsColor({ FORCE_COLOR: '0' }, true), false)
})
