import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeLine } from '../../src/agents/decode.ts'
import { lastObject } from '../../src/agents/last-object.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'

/** Parts that a torn line may be made of: each looks like the start of an object. */
const CONTENTS = {
  objects: '{"a":',
  strings: '{"a":"{\\"b\\":',
  backslashes: '{"\\\\\\\\',
  quotes: '{""',
  whole: '{"a":1}',
}
const idle = '{"type":"system","subtype":"session_state_changed","state":"idle"}'

test('a line costs a few passes over it, however long it is and whatever it is torn into', (t) => {
  let parsed = 0
  const parse = JSON.parse
  t.mock.method(JSON, 'parse', (text: string) => {
    parsed += text.length
    return parse(text)
  })
  for (const [name, part] of Object.entries(CONTENTS))
    for (const bytes of [10_000, 100_000, 1_000_000, 4_000_000])
      for (const end of ['}', `${part}}`, idle, `"}${idle}`]) {
        const line = Buffer.from(`{"x":${part.repeat(bytes / part.length)}${end}`)
        parsed = 0
        const events = decodeLine(line, 0, decode)
        assert.ok(events.length > 0)
        assert.ok(parsed <= 3 * line.length, `${name}, ${line.length} bytes: ${parsed} parsed`)
      }
})

test('the object at the end of a text is found wherever it can be told from what comes before', () => {
  for (const [before, object] of [
    ['', '{}'],
    ['{"a":"', '{"b":"}{\\"\\\\"}'],
    ['{"a":"\\', '{"b":[{"c":"]"},{}]}'],
    ['{"a":"x\\\\"}', '{"b":{}}'],
  ] as const)
    assert.equal(lastObject(before + object), before.length)
  for (const text of ['', 'x', '}', ']}', '"}', '{"a":1', '[}', '{"a":"}'])
    assert.equal(lastObject(text), undefined)
})
