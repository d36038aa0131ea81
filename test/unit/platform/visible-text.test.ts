import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNSAFE, visibleJson, visibleLength } from '../../../src/platform/visible-text.ts'

const EVERY = String.fromCharCode(...Array.from({ length: 0x10000 }, (_, code) => code))

test('escaped JSON has the same value and no unsafe characters, and its length is known in advance', () => {
  for (const text of [
    EVERY,
    `x${EVERY}`,
    'plain',
    '',
    '\u202e'.repeat(100_000),
    '\x7f\u{1f600}'.repeat(50_000),
    // Surrogate pairs that lie on the border of two pieces.
    `x${'\u{e0061}'.repeat(50_000)}`,
    `${'\u{e0061}'.repeat(50_000)}\ud83e`,
  ]) {
    const json = JSON.stringify(text)
    const visible = visibleJson(json)
    assert.ok(JSON.parse(visible) === text)
    assert.equal(visible.search(UNSAFE), -1)
    assert.equal(visible.length, visibleLength(json))
  }
  assert.equal(visibleJson('"a\u202eb\x7f"'), '"a\\u202eb\\u007f"')
})

test('characters without a glyph are escaped in JSON, but ordinary text is not', () => {
  const invisible =
    /[\p{Default_Ignorable_Code_Point}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u2800\ufff9-\ufffc\u{13430}-\u{1343f}\u{16fe4}\u{1d159}]/u
  let escaped = 0
  for (let code = 0; code < 0x110000; code++) {
    const char = String.fromCodePoint(code)
    if (!invisible.test(char)) continue
    const json = visibleJson(JSON.stringify(`a${char}b`))
    assert.match(json, /^"a(\\u[\da-f]{4}){1,2}b"$/, `U+${code.toString(16)}`)
    assert.equal(JSON.parse(json), `a${char}b`)
    escaped++
  }
  assert.ok(escaped > 100_000)
  // Invisible characters that are part of a visible character stay unescaped.
  const plain = JSON.stringify('café हिन्दी עִברית 日本語\u{20000} 🦊👍🏽 1\u00a0000 ᄀ')
  assert.equal(visibleJson(plain), plain)
})
