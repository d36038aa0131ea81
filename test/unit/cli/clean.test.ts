import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { clean, cleanLine } from '../../../src/cli/render/clean.ts'
import { textWidth, wholeStart } from '../../../src/cli/render/width.ts'

test('control sequences become visible instead of reaching the terminal', () => {
  assert.equal(clean('\x1b[2J\x1b]0;title\x07'), '␛[2J␛]0;title␇')
  assert.equal(clean('overwritten\rtext\b\x7f'), 'overwritten␍text␈␡')
  assert.equal(clean('\x9b31m \u202etxt.exe\u2066'), '�31m �txt.exe�')
})

test('cleaning keeps text, line feeds and tabs', () => {
  assert.equal(clean('a\tb\r\nc\n日本 🦊 é'), 'a\tb\nc\n日本 🦊 é')
})

test('cleaning can put a text on one line, and shorten the line', () => {
  assert.equal(cleanLine('  one\n\n two\tthree '), 'one two three')
  assert.equal(cleanLine('x'.repeat(50), 10), `${'x'.repeat(9)}…`)
})

test('cleaned text has no control characters except line feeds and tabs', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(clean(text), /[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
      assert.doesNotMatch(cleanLine(text), /[\x00-\x1f\x7f-\x9f]/)
    }),
  )
})

test('a long text is never cut in the middle of a character', () => {
  const half = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
  const letters = ['x', ' ', '🦊', '日', 'e\u0301', '👩\u200d💻', '\u0301'.repeat(50)]
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...letters), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      (all, max) => {
        const line = cleanLine(all.join(''), max)
        assert.doesNotMatch(line, half)
        assert.doesNotMatch(line, /\u200d(?!💻)/)
        assert.ok(textWidth(line) <= max, line)
      },
    ),
  )
  assert.equal(cleanLine(`${' '.repeat(39)}🦊`, 10), ' …')
  assert.equal(wholeStart(`${'x'.repeat(9)}e\u0301`, 10), 'x'.repeat(9))
  assert.equal(wholeStart('🦊🦊', 3), '')
  assert.equal(wholeStart('x👩\u200d💻', 5), 'x')
})
