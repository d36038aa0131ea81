import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeLine } from '../../../../src/agents/events/decode.ts'
import { decode } from '../../../../src/agents/runtimes/claude/decode.ts'
import { Limits } from '../../../../src/protocol/index.ts'

const events = (line: string | Buffer) => decodeLine(Buffer.from(line), 0, decode)
const nested = (levels: number) => `{"type":"new","x":${'['.repeat(levels)}${']'.repeat(levels)}}`

test('a line that is nested too deeply to be written as JSON again is reported as unreadable', () => {
  // JSON.stringify does not support such deep nesting, so sending the line would crash the daemon at each
  // start.
  for (const levels of [Limits.nesting, 6000, 200_000]) {
    const line = nested(levels)
    assert.deepEqual(events(line), [
      {
        kind: 'unreadable',
        reason: 'too_deep',
        bytes: line.length,
        text: line.slice(0, 4096),
        offset: 0,
        index: 0,
      },
    ])
  }
  const deep = nested(Limits.nesting - 10)
  assert.deepEqual(events(deep), [{ kind: 'unknown', raw: JSON.parse(deep), offset: 0, index: 0 }])
})

test('a line whose event would be too long for a frame is reported as unreadable', () => {
  const numbers = `{"type":"new","x":[${'1e20,'.repeat(3_200_000)}1]}`
  const notUtf8 = Buffer.concat([
    Buffer.from('{"type":"new","x":"'),
    Buffer.alloc(13_000_000, 0xff),
    Buffer.from('"}'),
  ])
  for (const line of [Buffer.from(numbers), notUtf8]) {
    assert.ok(line.length <= Limits.line_bytes)
    const [event, ...more] = events(line)
    assert.deepEqual(more, [])
    assert.ok(event?.kind === 'unreadable' && event.reason === 'too_long' && event.bytes === line.length)
  }
  const long = `{"type":"new","x":"${'x'.repeat(Limits.line_bytes - 100)}"}`
  assert.deepEqual(
    events(long).map(({ kind }) => kind),
    ['unknown'],
  )
})

test('a complete line after a torn line or a wrapper’s output is read, and the text before it is reported', () => {
  const whole =
    '{"type":"system","subtype":"session_state_changed","state":"idle","uuid":"u","session_id":"s"}'
  const torn = '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"ha'
  assert.deepEqual(events(torn + whole), [
    { kind: 'unreadable', reason: 'torn', bytes: torn.length, text: torn, offset: 0, index: 0 },
    { kind: 'state', state: 'idle', offset: 0, index: 1 },
  ])
  const banner = 'Now using node v22 {lts} '
  assert.deepEqual(
    events(banner + whole).map((event) => (event.kind === 'unreadable' ? event.reason : event.kind)),
    ['not_json', 'state'],
  )
  // A complete object inside a torn line does not count as a line.
  const middle = '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"half"}'
  assert.deepEqual(
    events(middle).map(({ kind }) => kind),
    ['unreadable'],
  )
  assert.deepEqual(
    events(`{"a":${'{"b":'.repeat(5000)}}`).map(({ kind }) => kind),
    ['unreadable'],
  )
})
