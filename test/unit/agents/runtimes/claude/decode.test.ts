import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode } from '../../../../../src/agents/runtimes/claude/decode.ts'
import { Event } from '../../../../../src/protocol/index.ts'
import { recordings } from '../../../../support/claude-samples.ts'

const samples = recordings().flatMap(({ out }) => out)
const isEvent = (body: object) => assert.doesNotThrow(() => Event.parse({ ...body, offset: 0, index: 0 }))

test('a line that is not a JSON object is reported with its size and its beginning', () => {
  assert.deepEqual(decode('Segmentation fault — sorry'), [
    { kind: 'unreadable', reason: 'not_json', bytes: 28, text: 'Segmentation fault — sorry' },
  ])
  for (const line of ['', ' ', 'null', '42', '"text"', '[{"type":"result"}]'])
    assert.deepEqual(
      decode(line).map(({ kind }) => kind),
      ['unreadable'],
    )
  const [long] = decode('x'.repeat(1_000_000))
  assert.ok(long?.kind === 'unreadable' && long.bytes === 1_000_000 && long.text.length < 10_000)
})

test('an object of an unknown type is passed on unchanged', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (fields, type) => {
      const line = JSON.stringify({ ...fields, type: `new_${type}` })
      assert.deepEqual(decode(line), [{ kind: 'unknown', raw: JSON.parse(line) }])
    }),
  )
  for (const type of ['toString', '__proto__', 'constructor'])
    for (const line of [`{"type":"${type}"}`, `{"type":"system","subtype":"${type}"}`])
      assert.deepEqual(decode(line), [{ kind: 'unknown', raw: JSON.parse(line) }])
})

test('an object of a known type but an unknown shape is passed on unchanged', () => {
  const lines = [
    '{"type":"assistant","message":{"content":"text"}}',
    '{"type":"assistant"}',
    '{"type":"user","message":{"role":"user","content":[]}}',
    '{"type":"result","subtype":"success"}',
    '{"type":"command_lifecycle","command_uuid":"a","state":"postponed"}',
    '{"type":"control_cancel_request"}',
    '{"type":"control_response","response":"yes"}',
    '{"type":"system","subtype":"session_state_changed","state":"dreaming"}',
    '{"type":"system","subtype":"hook_started"}',
    '{"type":"system","subtype":"api_retry"}',
    '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"new_delta"}}}',
    '{"type":"rate_limit_event","rate_limit_info":null}',
    '{"type":"system","subtype":"task_started"}',
  ]
  for (const line of lines) assert.deepEqual(decode(line), [{ kind: 'unknown', raw: JSON.parse(line) }])
})

test('only the unknown blocks of a message are passed on raw', () => {
  const strange = { type: 'hologram', data: 'x' }
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'not base64!' } }
  const message = { id: 'm', content: [{ type: 'text', text: 'hi' }, strange] }
  assert.deepEqual(decode(JSON.stringify({ type: 'assistant', message })), [
    { kind: 'text', message_id: 'm', text: 'hi' },
    { kind: 'unknown', raw: strange },
  ])
  const content = [{ type: 'text', text: 'a' }, image, { type: 'text', text: 'b' }]
  assert.deepEqual(decode(JSON.stringify({ type: 'user', isReplay: true, message: { content } })), [
    { kind: 'user', content: [{ type: 'text', text: 'a' }] },
    { kind: 'unknown', raw: image },
    { kind: 'user', content: [{ type: 'text', text: 'b' }] },
  ])
})

test('images in prompts and in tool results are decoded', () => {
  const source = { type: 'base64', media_type: 'image/png', data: 'aGk=' }
  const result = { type: 'tool_result', tool_use_id: 't', content: [{ type: 'image', source }] }
  const content = [{ type: 'image', source }, result]
  assert.deepEqual(decode(JSON.stringify({ type: 'user', isReplay: true, message: { content } })), [
    { kind: 'user', content: [{ type: 'image', media_type: 'image/png', data: 'aGk=' }] },
    { kind: 'tool_result', tool_use_id: 't', is_error: false, content: result.content },
  ])
})

test('a question may have no options, and an unreadable question becomes a tool request', () => {
  const ask = (questions: unknown) =>
    decode(
      JSON.stringify({
        type: 'control_request',
        request_id: 'r',
        request: { subtype: 'can_use_tool', tool_name: 'AskUserQuestion', input: { questions } },
      }),
    )[0]
  const asked = ask([{ question: 'Why?' }])
  assert.ok(asked?.kind === 'permission_request' && asked.ask === 'question')
  assert.deepEqual(asked.questions, [{ question: 'Why?', options: [] }])
  const unclear = ask([{ text: 'Why?' }])
  assert.ok(unclear?.kind === 'permission_request' && unclear.ask === 'tool')
})

test('prompts that Claude Code discarded with their session are reported as canceled', () => {
  assert.deepEqual(decode('{"type":"command_lifecycle","command_uuid":"a","state":"discarded"}'), [
    { kind: 'prompt_state', prompt_id: 'a', state: 'cancelled' },
  ])
})

test('a truncated or altered line always decodes to events of the protocol', () => {
  const line = fc.constantFrom(...samples)
  fc.assert(
    fc.property(line, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (text, where) => {
      const cut = text.slice(0, Math.floor(where * text.length))
      const [event, ...more] = decode(cut)
      assert.ok(event?.kind === 'unreadable' && more.length === 0)
    }),
  )
  fc.assert(
    fc.property(
      line,
      fc.infiniteStream(fc.integer({ min: 0, max: 30 })),
      fc.jsonValue(),
      (text, dice, junk) => {
        const changed = JSON.parse(text, (_key, value) => (dice.next().value === 0 ? junk : value))
        for (const event of decode(JSON.stringify(changed))) isEvent(event)
      },
    ),
    { numRuns: 300 },
  )
})

test('any bytes decode to events of the protocol', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const event of decode(Buffer.from(bytes).toString())) isEvent(event)
    }),
  )
})

test('the same line always decodes to the same events, and unknown fields of a newer version change nothing', () => {
  for (const line of samples) {
    const said = decode(line)
    assert.deepEqual(decode(line), said)
    if (said.some(({ kind }) => kind === 'unknown' || kind === 'task')) continue
    assert.deepEqual(decode(JSON.stringify({ ...JSON.parse(line), of_a_newer_version: { a: [1] } })), said)
  }
})

test('an interrupted turn is marked as interrupted, but a failed turn is not', () => {
  const result = (rest: object) => {
    const [event] = decode(JSON.stringify({ type: 'result', subtype: 'error_during_execution', ...rest }))
    assert.ok(event?.kind === 'turn_result')
    return event.interrupted
  }
  for (const terminal_reason of ['aborted_streaming', 'aborted_tools'])
    assert.equal(result({ is_error: true, terminal_reason }), true)
  for (const terminal_reason of ['api_error', 'max_turns', 'completed', undefined])
    assert.equal(result({ is_error: true, terminal_reason }), undefined)
  assert.equal(result({ is_error: false, terminal_reason: 'aborted_tools' }), undefined)
})
