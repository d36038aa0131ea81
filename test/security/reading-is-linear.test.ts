import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Journal } from '../../src/agents/disk/journal.ts'
import { decodeLine } from '../../src/agents/events/decode.ts'
import { lastObject } from '../../src/agents/events/last-object.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import { eventsOf } from '../support/journal.ts'
import { tempDir } from '../support/temp.ts'

/** Contents of an incomplete line. Each piece looks like the start of a JSON object. */
const CONTENTS = {
  objects: '{"a":',
  strings: '{"a":"{\\"b\\":',
  backslashes: '{"\\\\\\\\',
  quotes: '{""',
  whole: '{"a":1}',
}
const idle = '{"type":"system","subtype":"session_state_changed","state":"idle"}'

test('reading a line takes only a few passes over its text, for any length and any content', (t) => {
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

test('the JSON object at the end of a text is found if it can be distinguished from the text before it', () => {
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

/** Returns the average number of times that a character of a journal is parsed during a full read. */
function passes(t: TestContext, lines: object[]): number {
  const path = join(tempDir(t), 'journal.jsonl')
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  writeFileSync(path, text)
  let parsed = 0
  const parse = JSON.parse
  const mocked = t.mock.method(JSON, 'parse', (line: string) => {
    parsed += line.length
    return parse(line)
  })
  const journal = new Journal(path)
  journal.lines(0, text.length, (line) => {
    assert.ok(eventsOf(line, path).length > 0)
    return undefined
  })
  journal.close()
  mocked.mock.restore()
  return parsed / text.length
}

test('a journal is read in few passes, even if many of its lines require a search of earlier lines', (t) => {
  const times = (count: number, line: (n: number) => object) =>
    Array.from({ length: count }, (_, n) => line(n))
  const request = (n: number) => ({
    type: 'control_request',
    request_id: `r-${n}`,
    request: { subtype: 'can_use_tool', tool_name: 'Bash', input: {}, tool_use_id: `t-${n}`, agent_id: 'a' },
  })
  const prompt = (n: number) => ({
    type: 'user',
    uuid: `p-${n}`,
    isReplay: true,
    message: {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: `b ${n}` },
      ],
    },
  })
  assert.ok(passes(t, times(2000, request)) < 4)
  const few = passes(t, times(500, prompt))
  const many = passes(t, times(4000, prompt))
  assert.ok(many < 1.5 * few, `${few} passes over 500 prompts, ${many} over 4000`)
})
