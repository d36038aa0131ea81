import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Snapshot } from '../../../../src/agents/disk/records.ts'
import { hasEnded } from '../../../../src/agents/state/lifecycle.ts'
import { emptySnapshot, onAnswered, reduce } from '../../../../src/agents/state/reduce.ts'
import { Event } from '../../../../src/protocol/index.ts'

const INITIALIZE = 'initialize-1'

type Body = { kind: Event['kind']; [field: string]: unknown }
let offset = 0
const event = (body: Body): Event => Event.parse({ ...body, offset: offset++, index: 0 })

/** Returns the snapshot of a journal with these events. The timestamps are the numbers of the events. */
function after(...bodies: Body[]): Snapshot {
  const snapshot = emptySnapshot('0')
  bodies.forEach((body, at) => {
    reduce(snapshot, event(body), INITIALIZE, String(at + 1))
  })
  return snapshot
}

const started = (run = 1): Body => ({ kind: 'process_started', run })
const ready: Body = { kind: 'reply', request_id: INITIALIZE, ok: true }
const exited = (rest: object = {}): Body => ({ kind: 'process_exited', run: 1, ...rest })
const asked = (request_id: string, tool_use_id?: string): Body => ({
  kind: 'permission_request',
  request_id,
  ask: 'tool',
  tool: 'Bash',
  input: {},
  ...(tool_use_id && { tool_use_id }),
})
const state = (state: string): Body => ({ kind: 'state', state })

test('an agent is idle once it has answered initialize, and reports when it became idle', () => {
  const { state, since, ready: isReady, run } = after(started(), ready)
  assert.deepEqual({ state, since, isReady, run }, { state: 'idle', since: '2', isReady: true, run: 1 })
  assert.equal(after(started(), { ...ready, ok: false, error: 'no' }).state, 'starting')
})

test('a snapshot has the latest settings that the session reported', () => {
  const session = (rest: object): Body => ({ kind: 'session', session_id: 's', ...rest })
  const { model, permission_mode, total_cost_usd } = after(
    started(),
    ready,
    session({ model: 'one', permission_mode: 'plan' }),
    session({ model: 'two' }),
    { kind: 'turn_result', outcome: 'success', is_error: false, total_cost_usd: 0.5 },
  )
  assert.deepEqual(
    { model, permission_mode, total_cost_usd },
    { model: 'two', permission_mode: 'plan', total_cost_usd: 0.5 },
  )
})

test('a request is pending until it is answered or withdrawn, its tool has run, or the turn is over', () => {
  const waits = [started(), ready, state('running'), asked('r', 'tool-1')]
  const pending = after(...waits)
  assert.deepEqual([pending.state, pending.pending.map(({ request_id }) => request_id)], ['waiting', ['r']])
  for (const [end, next] of [
    [{ kind: 'permission_withdrawn', request_id: 'r' }, 'working'],
    [{ kind: 'tool_result', tool_use_id: 'tool-1', is_error: false, content: '' }, 'working'],
    [state('idle'), 'idle'],
    [exited({ code: 0 }), 'exited'],
    [started(2), 'starting'],
  ] as [Body, string][]) {
    const then = after(...waits, end)
    assert.deepEqual([then.state, then.pending], [next, []], end.kind)
  }
  assert.equal(onAnswered(pending, 'other', 'x'), false)
  assert.equal(onAnswered(pending, 'r', 'x'), true)
  assert.deepEqual([pending.state, pending.pending], ['working', []])
})

test('an agent with two requests waits for both, and a repeated request counts once', () => {
  const waits = [started(), ready, state('running'), asked('a'), asked('b'), asked('a')]
  const both = after(...waits)
  assert.deepEqual(
    both.pending.map(({ request_id }) => request_id),
    ['b', 'a'],
  )
  assert.equal(after(...waits, { kind: 'permission_withdrawn', request_id: 'a' }).state, 'waiting')
})

test('an exit is reported with its reason, code and signal', () => {
  const up = [started(), ready]
  const exit = (...bodies: Body[]) => after(...bodies).exit
  assert.deepEqual(exit(...up, exited({ code: 0 })), { reason: 'finished', code: 0 })
  assert.deepEqual(exit(...up, exited({ code: 3 })), { reason: 'crashed', code: 3 })
  assert.deepEqual(exit(...up, exited({ code: 137, signal: 'SIGKILL' })), {
    reason: 'killed',
    code: 137,
    signal: 'SIGKILL',
  })
  assert.deepEqual(exit(...up, exited()), { reason: 'lost' })
  assert.deepEqual(exit(...up, exited({ reason: 'rebooted' })), { reason: 'rebooted' })
  assert.deepEqual(exit(...up, exited({ code: 143, reason: 'lease' })), { reason: 'lease', code: 143 })
})

test('an exit during a stop is reported as stopped, regardless of its code', () => {
  const snapshot = after(started(), ready)
  snapshot.stopping = 'stopped'
  reduce(snapshot, event(exited({ code: 137, signal: 'SIGKILL' })), INITIALIZE, 'x')
  assert.deepEqual(snapshot.exit, { reason: 'stopped', code: 137, signal: 'SIGKILL' })
  assert.deepEqual([snapshot.state, snapshot.stopping], ['exited', undefined])
})

test('an exit before the agent was ready is a failure, unless the exit was intended', () => {
  assert.equal(after(started(), exited({ code: 1 })).state, 'failed')
  assert.equal(after(started(), exited({ reason: 'lease' })).state, 'exited')
})

test('an exit counts once, and only for the current run', () => {
  const ended = after(started(), ready, exited({ code: 0 }), exited({ code: 9 }))
  assert.deepEqual(ended.exit, { reason: 'finished', code: 0 })
  assert.equal(after(started(2), ready, exited({ code: 0 })).state, 'idle')
  const again = after(started(), ready, exited({ code: 1 }), started(2))
  assert.deepEqual([again.state, again.exit, again.run, again.ready], ['starting', undefined, 2, false])
})

test('a snapshot keeps only the newest 32 replies', () => {
  const replies = Array.from(
    { length: 50 },
    (_, i): Body => ({ kind: 'reply', request_id: `r${i}`, ok: true }),
  )
  const { replies: kept } = after(...replies)
  assert.deepEqual([kept.length, kept[0]?.request_id, kept.at(-1)?.request_id], [32, 'r18', 'r49'])
})

const anyBody = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map(started),
  fc.constant(ready),
  fc.constantFrom('running', 'waiting', 'idle').map(state),
  fc.constantFrom('a', 'b').map((id) => asked(id)),
  fc.constantFrom('a', 'b').map((id): Body => ({ kind: 'permission_withdrawn', request_id: id })),
  fc
    .record({ run: fc.integer({ min: 1, max: 3 }), code: fc.option(fc.nat(255), { nil: undefined }) })
    .map((rest): Body => ({ kind: 'process_exited', ...rest })),
  fc.constant<Body>({ kind: 'unknown', raw: {} }),
)

test('a request of a sub-agent has the description of the sub-agent’s task until the task ends', () => {
  const task = (task_id: string, phase: string, description?: string): Body => ({
    kind: 'task',
    task_id,
    phase,
    info: {},
    ...(description && { description }),
  })
  const asks = (request_id: string, subagent_id: string): Body => ({
    ...asked(request_id),
    subagent_id,
    parent_tool_use_id: `toolu_${subagent_id}`,
  })
  const both = [task('a', 'started', 'Read the docs'), task('b', 'started', 'Run the tests')]
  const told = (...bodies: Body[]) =>
    after(started(), ready, ...bodies).pending.map((request) => [
      request.subagent,
      request.parent_tool_use_id,
    ])
  assert.deepEqual(
    told(...both, asks('1', 'b'), task('b', 'progress', 'Running'), asks('2', 'a'), asked('3')),
    [
      ['Run the tests', 'toolu_b'],
      ['Read the docs', 'toolu_a'],
      [undefined, undefined],
    ],
  )
  assert.deepEqual(told(...both, task('b', 'ended'), asks('1', 'b')), [[undefined, 'toolu_b']])
  assert.deepEqual(after(started(), ...both, task('a', 'ended'), task('b', 'ended')).subagents, undefined)
  assert.equal(after(started(), ...both, started(2)).subagents, undefined)
  const many = Array.from({ length: 500 }, (_, n) => task(`t${n}`, 'started', 'x'.repeat(5000)))
  assert.ok(JSON.stringify(after(started(), ...many)).length < 20_000)
})

test('any journal gives a snapshot that can be saved, and an ended agent has no pending requests', () => {
  fc.assert(
    fc.property(fc.array(anyBody), (bodies) => {
      const snapshot = after(...bodies)
      assert.deepEqual(
        Snapshot.parse(JSON.parse(JSON.stringify(snapshot))),
        JSON.parse(JSON.stringify(snapshot)),
      )
      if (hasEnded(snapshot.state)) assert.deepEqual(snapshot.pending, [])
      assert.equal(snapshot.exit !== undefined, hasEnded(snapshot.state))
    }),
  )
})

test('the result of a process that failed to start changes neither the session nor the costs', () => {
  const result = (rest: object): Body => ({
    kind: 'turn_result',
    outcome: 'success',
    is_error: false,
    ...rest,
  })
  const lived = [started(), ready, result({ session_id: 'lived', total_cost_usd: 0.5 }), exited({ code: 0 })]
  const { session_id, total_cost_usd } = after(
    ...lived,
    started(2),
    result({ session_id: 'never', total_cost_usd: 0, is_error: true }),
  )
  assert.deepEqual([session_id, total_cost_usd], ['lived', 0.5])
})

test('a status lists each background task until the task or the process ends, within the limits of a status', () => {
  const tasks = (...list: unknown[]): Body => ({ kind: 'background_tasks', tasks: list })
  const up = [
    started(),
    ready,
    tasks({ task_id: 't', task_type: 'local_bash', description: 'x'.repeat(5000) }),
  ]
  const [task] = after(...up, state('idle')).background_tasks ?? []
  assert.deepEqual([task?.task_id, task?.task_type, task?.description?.length], ['t', 'local_bash', 200])
  assert.equal(after(...up, tasks()).background_tasks, undefined)
  assert.equal(after(...up, exited({ code: 0 })).background_tasks, undefined)
  assert.equal(after(...up, started(2)).background_tasks, undefined)
  const many = Array.from({ length: 1000 }, (_, n) => ({ task_id: `${n}` }))
  assert.equal(after(...up, tasks(null, 'x', { task_id: 1 }, ...many)).background_tasks?.length, 29)
})
