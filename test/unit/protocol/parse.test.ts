import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  Commands,
  FromDaemon,
  FromServer,
  parseFromDaemon,
  parseFromServer,
} from '../../../src/protocol/index.ts'

const server = (message: object) => parseFromServer(JSON.stringify(message))
const start = (spec: object) => ({ type: 'agent:start', command_id: 'c1', agent_id: 'a', spec })

test('omitted fields get their defaults', () => {
  assert.deepEqual(server(start({ cwd: '/srv' })), {
    ok: true,
    message: start({ runtime: 'claude', cwd: '/srv' }),
  })
  assert.deepEqual(server({ type: 'server:welcome', protocol: { version: 1 } }), {
    ok: true,
    message: {
      type: 'server:welcome',
      protocol: { version: 1 },
      server_version: '',
      capabilities: [],
      offsets: {},
    },
  })
})

test('unknown fields are ignored, and unknown types are not errors', () => {
  assert.deepEqual(server({ type: 'agent:stop', command_id: 'c', agent_id: 'a', colour: 'red' }), {
    ok: true,
    message: { type: 'agent:stop', command_id: 'c', agent_id: 'a' },
  })
  assert.deepEqual(server({ type: 'agent:dance' }), { ok: false, unknownType: 'agent:dance' })
  const command = { ok: false, unknownType: 'agent:dance', commandId: 'c' }
  assert.deepEqual(server({ type: 'agent:dance', command_id: 'c' }), command)
  for (const type of ['toString', 'constructor', '__proto__', 'hasOwnProperty'])
    assert.deepEqual(parseFromServer(`{"type":"${type}"}`), { ok: false, unknownType: type })
})

test('a frame from a server must not have a type that only daemons send, and vice versa', () => {
  assert.deepEqual(server({ type: 'agent:removed', agent_id: 'a' }), {
    ok: false,
    unknownType: 'agent:removed',
  })
  assert.deepEqual(parseFromDaemon('{"type":"agent:stop"}'), { ok: false, unknownType: 'agent:stop' })
})

test('a result keeps all its fields, even for an unknown command', () => {
  const result = { type: 'agent:dance:result', command_id: 'c', ok: true, steps: [1, 2] }
  assert.deepEqual(parseFromDaemon(JSON.stringify(result)), { ok: true, message: result })
})

/** Returns the fields of the error that answers a frame, except its type and message. */
function faultOf(frame: string) {
  const parsed = parseFromServer(frame)
  assert.ok(!parsed.ok && parsed.error, frame)
  const { message, type, ...rest } = parsed.error
  assert.ok(message.length > 0)
  assert.equal(type, 'protocol:error')
  return rest
}

test('an error in a union names the path within the matching variant', () => {
  const pathOf = (parsed: ReturnType<typeof parseFromDaemon | typeof parseFromServer>) =>
    parsed.ok ? undefined : parsed.error?.path
  const event = (event: object) =>
    parseFromDaemon(
      JSON.stringify({ type: 'agent:activity', agent_id: 'a', from: 0, to: 9, events: [event] }),
    )
  const at = { offset: 0, index: 0 }
  assert.equal(pathOf(event({ ...at, kind: 'text' })), 'events.0.text')
  assert.equal(pathOf(event({ index: 0, kind: 'text', text: '' })), 'events.0.offset')
  assert.equal(pathOf(event({ index: 0, kind: 'weather' })), 'events.0.offset')
  assert.equal(pathOf(event(at)), 'events.0.kind')
  const content = (content: unknown) =>
    server({ type: 'agent:prompt', command_id: 'c', agent_id: 'a', content })
  assert.equal(pathOf(content(undefined)), 'content')
  assert.equal(pathOf(content([{ type: 'text', text: 'x' }, { type: 'text' }])), 'content.1.text')
  assert.equal(pathOf(content([{ type: 'image', media_type: 'x', data: 'a' }])), 'content.0.media_type')
})

test('an error names the path of the fault, the type of the frame, and the command', () => {
  const of_type = 'agent:start'
  const command_id = 'c1'
  assert.deepEqual(faultOf('{"type":'), { code: 'not_json' })
  assert.deepEqual(faultOf(''), { code: 'not_json' })
  for (const frame of ['1', 'null', '[]', '"text"']) assert.deepEqual(faultOf(frame), { code: 'invalid' })
  assert.deepEqual(faultOf('{}'), { code: 'invalid', path: 'type' })
  assert.deepEqual(faultOf('{"type":7}'), { code: 'invalid', path: 'type' })
  const specs: [object, path: string][] = [
    [{}, 'spec.cwd'],
    [{ cwd: 'srv' }, 'spec.cwd'],
    [{ cwd: '/s\0rv' }, 'spec.cwd'],
    [{ cwd: '/', prompt: '' }, 'spec.prompt'],
    [{ cwd: '/', prompt: [] }, 'spec.prompt'],
    [{ cwd: '/', env: { 'A=B': '1' } }, 'spec.env.A=B'],
    [{ cwd: '/', env: { A: 1 } }, 'spec.env.A'],
    [{ cwd: '/', allowed_tools: ['Read', 7] }, 'spec.allowed_tools.1'],
    [{ cwd: '/', limits: { max_turns: 0 } }, 'spec.limits.max_turns'],
    [{ cwd: '/', session: { resume: '../other' } }, 'spec.session.resume'],
    [{ cwd: '/', restart: { policy: 'always' } }, 'spec.restart.policy'],
  ]
  for (const [spec, path] of specs)
    assert.deepEqual(
      faultOf(JSON.stringify(start(spec))),
      { code: 'invalid', path, of_type, command_id },
      JSON.stringify(spec),
    )
  for (const agent_id of ['', '.', '..', '../a', 'a/b', '-a', 'a b', 'a\n', 'x'.repeat(65), 7, null])
    assert.deepEqual(faultOf(JSON.stringify({ ...start({ cwd: '/' }), agent_id })), {
      code: 'invalid',
      path: 'agent_id',
      of_type,
      command_id,
    })
  assert.deepEqual(faultOf(JSON.stringify({ ...start({ cwd: '/' }), command_id: 'a b' })), {
    code: 'invalid',
    path: 'command_id',
    of_type,
    command_id: 'a b',
  })
})

test('an error message names the invalid field and the reason', () => {
  const parsed = server(start({ cwd: 7 }))
  assert.ok(!parsed.ok)
  assert.equal(
    parsed.error?.message,
    'agent:start: spec.cwd: Invalid input: expected string, received number',
  )
})

test('parsing never throws, and an accepted message parses again unchanged', () => {
  const types = [...Object.keys(Commands), ...Object.keys(FromServer), ...Object.keys(FromDaemon), 'x:result']
  const frame = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({
        type: fc.constantFrom(...types),
        command_id: fc.oneof(fc.constant('c'), fc.anything()),
        agent_id: fc.oneof(fc.constant('a'), fc.anything()),
        spec: fc.oneof(fc.constant({ cwd: '/' }), fc.anything()),
        offsets: fc.dictionary(fc.string(), fc.oneof(fc.nat(), fc.anything())),
        ok: fc.anything(),
        rest: fc.anything(),
      })
      .map((message) => {
        try {
          return JSON.stringify(message) ?? ''
        } catch {
          return '' // big integers
        }
      }),
  )
  fc.assert(
    fc.property(frame, (text) => {
      for (const parse of [parseFromServer, parseFromDaemon]) {
        const parsed = parse(text)
        if (parsed.ok) assert.deepEqual(parse(JSON.stringify(parsed.message)), parsed)
        else assert.ok((parsed.error === undefined) !== (parsed.unknownType === undefined))
      }
    }),
    { numRuns: 500 },
  )
})

test('the id of a refused command is returned unchanged unless it exceeds the limit for ids', () => {
  const idOf = (command_id: string) => {
    const parsed = parseFromServer(JSON.stringify({ type: 'agent:stop', command_id }))
    return parsed.ok ? 'taken' : parsed.error?.command_id
  }
  assert.equal(idOf('not an id'), 'not an id')
  assert.equal(idOf('x'.repeat(2_000_000)), undefined)
})
