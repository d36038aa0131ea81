import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { definitions } from '../../../packaging/schema.ts'
import { unknownValue } from '../../../src/conformance/daemon/unknown-value.ts'
import {
  EventPage,
  HubAgent,
  HubMachine,
  parseFromDaemon,
  parseFromServer,
} from '../../../src/protocol/index.ts'
import { knownValues } from '../../support/known-values.ts'
import { helloOf, statusOf } from '../../support/light-daemon.ts'

// closed-sets.json lists the values that daemons and hubs of 0.1.0 know. Never edit it.

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const released = JSON.parse(read('closed-sets.json')) as Record<string, string[]>
const page = read('../../../src/protocol/README.md').match(/### Closed sets\n[\s\S]*?(?=\n## )/)![0]

/** Sets in which every reader accepts unknown values. */
const OPEN = ['HealthProblemCode', 'CommandErrorCode', 'RefusalCode', 'Event kinds']

test('no closed set was changed or added since the previous release', () => {
  const now = knownValues(definitions('input'))
  for (const name of OPEN) {
    assert.ok(now[name], name)
    delete now[name]
  }
  assert.deepEqual(now, released)
})

test('the protocol page lists exactly the closed sets', () => {
  const names = [...page.matchAll(/`((?:[A-Z]\w+)(?: kinds|(?:\/\w+)?(?:\.\w+)*))`/g)].map(([, name]) => name)
  assert.deepEqual([...new Set(names)].sort(), Object.keys(released).sort())
})

const UNKNOWN = 'what-a-newer-one-says'
const at = { offset: 0, index: 0 }
const activity = (event: object) => ({
  type: 'agent:activity',
  agent_id: 'a',
  from: 0,
  to: 9,
  events: [{ ...at, ...event }],
})
const status = (rest: object) => ({ type: 'agent:status', ...statusOf('a'), ...rest })
const asked = { request_id: 'r', ask: UNKNOWN, tool: 'Bash', input: {} }
const update = { type: 'daemon:update:progress', command_id: 'c', stage: UNKNOWN }
const machine = (rest: object) => {
  const { machine } = helloOf()
  return { type: 'machine:status', ...machine, ...rest }
}
const problem = { code: 'x', severity: UNKNOWN, message: 'x', since: 'x' }
const image = { type: 'image', media_type: 'image/avif', data: 'QQ==' }

/** Frames with an unknown value. Each frame has the path of that value. */
const frames: Record<string, [frame: object, place: string]> = {
  AgentState: [status({ state: UNKNOWN }), 'state'],
  'Exit.reason': [status({ exit: { code: 1, reason: UNKNOWN } }), 'exit.reason'],
  'PermissionRequest.ask': [status({ pending: [asked] }), 'pending.0.ask'],
  'Event/permission_request.ask': [activity({ kind: 'permission_request', ...asked }), 'events.0.ask'],
  'HealthProblem.severity': [machine({ problems: [problem] }), 'problems.0.severity'],
  'Runtime.login': [machine({ runtimes: [{ name: 'x', found: true, login: UNKNOWN }] }), 'runtimes.0.login'],
  'Event/process_exited.reason': [
    activity({ kind: 'process_exited', run: 1, reason: UNKNOWN }),
    'events.0.reason',
  ],
  'Event/state.state': [activity({ kind: 'state', state: UNKNOWN }), 'events.0.state'],
  'Event/prompt_state.state': [
    activity({ kind: 'prompt_state', prompt_id: 'p', state: UNKNOWN }),
    'events.0.state',
  ],
  'Event/task.phase': [activity({ kind: 'task', task_id: 't', phase: UNKNOWN, info: {} }), 'events.0.phase'],
  'Event/unreadable.reason': [
    activity({ kind: 'unreadable', reason: UNKNOWN, bytes: 1, text: '' }),
    'events.0.reason',
  ],
  'UpdateProgress.stage': [update, 'stage'],
  'ProtocolError.code': [{ type: 'protocol:error', code: UNKNOWN, message: 'x' }, 'code'],
  'ContentBlock kinds': [activity({ kind: 'user', content: [{ type: UNKNOWN }] }), 'events.0.content.0.type'],
  'ContentBlock/image.media_type': [activity({ kind: 'user', content: [image] }), 'events.0.content.0.type'],
}

/** Returns the value at a path such as `pending.0.ask`. */
const valueAt = (value: unknown, place: string) =>
  place.split('.').reduce((inner, key) => (inner as Record<string, unknown>)[key], value)

/** The replacement of an unknown value of each set, according to the protocol page. */
const rows = [...page.matchAll(/^\| (`.*?) \| .*? \| (.*) \|$/gm)].flatMap(([, names, as]) =>
  [...names!.matchAll(/`(.*?)`/g)].map(([, name]) => [name!, as!] as const),
)

test('an unknown value affects no other field, and is replaced as the protocol page says', () => {
  assert.deepEqual(rows.map(([name]) => name).sort(), Object.keys(frames).sort())
  for (const [name, as] of rows) {
    const [frame, place] = frames[name]!
    const parsed = parseFromDaemon(JSON.stringify(frame))
    assert.ok(parsed.ok, `${name}: ${JSON.stringify(parsed)}`)
    const expected = { absent: undefined, 'text block with the unknown value in brackets': 'text' }
    const word = as.replaceAll('`', '')
    assert.equal(
      valueAt(parsed.message, place),
      Object.hasOwn(expected, word) ? expected[word as keyof typeof expected] : word,
      name,
    )
    assert.deepEqual(
      parseFromDaemon(JSON.stringify(parsed.message)),
      { ok: true, message: JSON.parse(JSON.stringify(parsed.message)) },
      name,
    )
  }
})

test('an agent with an unknown state in a greeting does not block its machine or the other agents', () => {
  const agents = [
    { ...statusOf('a'), state: UNKNOWN, exit: { reason: UNKNOWN } },
    { ...statusOf('b'), state: 'idle' },
  ]
  const parsed = parseFromDaemon(JSON.stringify({ ...helloOf(), agents }))
  assert.ok(parsed.ok && parsed.message.type === 'machine:hello')
  assert.deepEqual(
    parsed.message.agents.map(({ state, exit }) => [state, exit?.reason]),
    [
      ['working', 'lost'],
      ['idle', undefined],
    ],
  )
})

test('an older client understands a newer hub, except for the unknown value', () => {
  const agent = { ...statusOf('a'), state: UNKNOWN, machine_id: 'm', connected: true, offset: 0 }
  assert.equal(HubAgent.parse(agent).state, 'working')
  const { machine } = helloOf()
  const status = { ...machine, problems: [problem] }
  const of = { machine_id: 'm', hostname: 'h', os: 'linux', arch: 'x64', daemon_version: '9', since: 'x' }
  assert.equal(HubMachine.parse({ ...of, connected: true, status }).status.problems[0]?.severity, 'warning')
  const [frame] = frames['Event/task.phase']!
  const { events } = EventPage.parse(frame)
  assert.equal(events[0]?.kind, 'task')
})

test('an unknown error code of a newer server is still an error to the daemon', () => {
  const [fault] = frames['ProtocolError.code']!
  const parsed = parseFromServer(JSON.stringify(fault))
  assert.deepEqual(parsed, { ok: true, message: { ...fault, code: 'invalid' } })
})

test('a value that is missing or not a string is still an error', () => {
  for (const [name, [frame, place]] of Object.entries(frames)) {
    if (name.startsWith('ContentBlock')) continue
    const [key, ...outer] = place.split('.').reverse()
    const spoilt = structuredClone(frame)
    const holder = outer.length === 0 ? spoilt : valueAt(spoilt, outer.reverse().join('.'))
    ;(holder as Record<string, unknown>)[key!] = 7
    const parsed = parseFromDaemon(JSON.stringify(spoilt))
    assert.ok(!parsed.ok, name)
    assert.equal(parsed.error?.path, place)
  }
  const { state: _, ...rest } = status({})
  assert.equal(parseFromDaemon(JSON.stringify(rest)).ok, false)
})

test('a command with an unknown value is refused, with the path of the value', () => {
  const command = { command_id: 'c', agent_id: 'a' }
  const start = (spec: object) => ({ type: 'agent:start', ...command, spec: { cwd: '/', ...spec } })
  const prompt = (block: object) => ({ type: 'agent:prompt', ...command, content: [block] })
  const orders: [order: object, path: string][] = [
    [prompt({ type: UNKNOWN }), 'content.0.type'],
    [prompt(image), 'content.0.media_type'],
    [start({ system_prompt: { mode: UNKNOWN, text: 'x' } }), 'spec.system_prompt.mode'],
    [start({ lease: { after_s: 60, action: UNKNOWN } }), 'spec.lease.action'],
    [start({ restart: { policy: UNKNOWN } }), 'spec.restart.policy'],
    [{ type: 'agent:permission', ...command, request_id: 'r', decision: UNKNOWN }, 'decision'],
  ]
  for (const [order, path] of orders) {
    const parsed = parseFromServer(JSON.stringify(order))
    assert.ok(!parsed.ok, path)
    assert.equal(parsed.error?.code, 'invalid')
    assert.equal(parsed.error?.path, path)
    assert.equal(parsed.error?.command_id, 'c')
  }
})

test('the conformance check of daemons is strict, and reports the path of an unknown value', () => {
  for (const [name, [frame, place]] of Object.entries(frames)) {
    const parsed = parseFromDaemon(JSON.stringify(frame))
    assert.ok(parsed.ok)
    assert.equal(unknownValue(JSON.parse(JSON.stringify(frame)), parsed.message), place, name)
  }
  const known = { ...helloOf(), more: 'of it', agents: [statusOf('a')] }
  const parsed = parseFromDaemon(JSON.stringify(known))
  assert.ok(parsed.ok)
  assert.equal(unknownValue(known, parsed.message), undefined)
})
