import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Limits, parseFromDaemon, parseFromServer } from '../../src/protocol/index.ts'

const MB = 1_000_000
const start = (spec: string) =>
  Buffer.from(`{"type":"agent:start","agent_id":"a","spec":{"cwd":"/",${spec}},"command_id":"c-1"}`)
const ones = (bytes: number) => `[${'1,'.repeat(bytes / 2)}1]`
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

/** Number of characters passed to JSON.parse while `work` runs. */
function parsedIn(t: { mock: typeof import('node:test').mock }, work: () => void): number {
  let chars = 0
  const parse = JSON.parse
  const mocked = t.mock.method(JSON, 'parse', (text: string) => {
    chars += text.length
    return parse(text)
  })
  work()
  mocked.mock.restore()
  return chars
}

test('a frame that exceeds a limit is refused before it is parsed, with an error that names the command', (t) => {
  const frames = {
    'wrong items': start(`"add_dirs":${ones(30 * MB)}`),
    'an escaped key': start(`"add\\u005fdirs":${ones(2 * MB)}`),
    'a longer list than any field allows': start(`"mcp_servers":{"a":${ones(30 * MB)}}`),
    'more items than the list allows': start(`"add_dirs":[${'"/a",'.repeat(Limits.items)}"/a"]`),
    'a long string': start(`"add_dirs":["${'/a'.repeat(MB)}"]`),
    'a long string of escapes': start(`"title":"${'\\u0041'.repeat(MB)}"`),
    'an unknown field': start(`"new":${ones(30 * MB)}`),
    brackets: start(`"mcp_servers":{"a":${'['.repeat(10 * MB)}}`),
    depth: start(`"mcp_servers":{"a":${deep(Limits.nesting)}}`),
    'another kind': start(`"cwd":${ones(2 * MB)}`),
  }
  for (const [name, frame] of Object.entries(frames)) {
    let parsed: ReturnType<typeof parseFromServer> | undefined
    const chars = parsedIn(t, () => {
      parsed = parseFromServer(frame)
    })
    assert.ok(parsed && !parsed.ok && parsed.error, name)
    assert.equal(parsed.error.code, 'invalid', name)
    assert.equal(parsed.error.of_type, 'agent:start', name)
    if (name !== 'brackets') assert.equal(parsed.error.command_id, 'c-1', name)
    assert.ok(chars < 1000, `${name}: ${chars} characters were parsed`)
  }
})

test('a frame with two types is refused, so it cannot combine the limits of both types', () => {
  const parsed = parseFromDaemon('{"type":"agent:activity","type":"machine:status"}')
  assert.ok(!parsed.ok && parsed.error?.path === 'type')
})

const activity = (events: string) =>
  Buffer.from(`{"type":"agent:activity","agent_id":"a","from":0,"to":9,"events":[${events}]}`)
const event = (raw: string, offset = 0) => `{"kind":"unknown","raw":${raw},"offset":${offset},"index":0}`

test('an event that exceeds a limit is stored as unreadable, and the other events are stored unchanged', () => {
  const parsed = parseFromDaemon(activity([event('1'), event(deep(100_000), 1), event('2', 2)].join()))
  assert.ok(parsed.ok && parsed.message.type === 'agent:activity')
  const [before, beyond, behind, ...more] = parsed.message.events
  assert.deepEqual([before?.kind, behind?.kind, more], ['unknown', 'unknown', []])
  assert.ok(beyond?.kind === 'unreadable' && 'reason' in beyond)
  assert.deepEqual([beyond.reason, beyond.offset, beyond.index], ['too_deep', 1, 0])
})

test('long lines, lines with many values, and lines with a thousand nesting levels are still valid', () => {
  for (const raw of [JSON.stringify('x'.repeat(Limits.line_bytes)), ones(8 * MB), deep(Limits.nesting - 1)]) {
    const parsed = parseFromDaemon(activity(event(raw)))
    assert.ok(parsed.ok && parsed.message.type === 'agent:activity', raw.slice(0, 20))
    assert.equal(parsed.message.events[0]?.kind, 'unknown')
  }
})

test('a status with too many nesting levels is refused', () => {
  const status = `{"type":"machine:status","revision":1,"runtimes":[],"problems":[],"memory":{"total_bytes":1,"available_bytes":1},"disk":{"total_bytes":1,"available_bytes":1},"accepts_agents":true,"update":`
  assert.ok(parseFromDaemon(`${status}${deep(100)}}`).ok)
  assert.ok(!parseFromDaemon(`${status}${deep(100_000)}}`).ok)
})
