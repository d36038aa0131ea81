import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTraceparent } from '../../../../src/daemon/traces/trace-context.ts'
import { type AgentFacts, TurnSpans } from '../../../../src/daemon/traces/turn-spans.ts'
import type { Event } from '../../../../src/protocol/index.ts'

const START = '2026-01-01T00:00:00.000Z'
const AT = Date.parse(START)
const event = (fields: object) => ({ offset: 0, index: 0, ...fields }) as Event
const use = (id: string, tool: string, rest: object = {}) =>
  event({ kind: 'tool_use', tool_use_id: id, tool, input: { secret: 1 }, ...rest })
const used = (id: string, is_error = false) =>
  event({ kind: 'tool_result', tool_use_id: id, is_error, content: 'secret' })
const asked = (request_id: string, tool_use_id: string) =>
  event({ kind: 'permission_request', request_id, ask: 'tool', tool: 'Bash', tool_use_id, input: {} })
const result = (rest: object = {}) =>
  event({ kind: 'turn_result', outcome: 'success', is_error: false, ...rest })

const working: AgentFacts = {
  agentId: 'a',
  identity: 'a 1',
  runtime: 'claude',
  provider: 'anthropic',
  parent: undefined,
  sessionId: 's',
  model: 'm',
  turnSince: START,
  pending: [],
}
const idle = { ...working, turnSince: undefined }
const spans = () => new TurnSpans(() => ({}))

test('a turn has a span, its tools are below it, and the tools of a sub-agent are below the tool that started it', () => {
  const agent = spans()
  const made = [
    ...agent.onEvent(use('t1', 'Task'), working, AT + 10),
    ...agent.onEvent(use('t2', 'Bash', { parent_tool_use_id: 't1' }), working, AT + 20),
    ...agent.onEvent(used('t2', true), working, AT + 30),
    ...agent.onEvent(used('t1'), working, AT + 40),
    ...agent.onEvent(
      result({ usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 3 } }),
      idle,
      AT + 50,
    ),
  ]
  const [bash, task, turn] = made
  assert.deepEqual(
    made.map(({ name, startMs, endMs, error }) => [name, startMs - AT, endMs - AT, error]),
    [
      ['execute_tool Bash', 20, 30, 'tool_error'],
      ['execute_tool Task', 10, 40, undefined],
      ['invoke_agent claude', 0, 50, undefined],
    ],
  )
  assert.deepEqual(
    [bash!.parentSpanId, task!.parentSpanId, turn!.parentSpanId],
    [task!.spanId, turn!.spanId, undefined],
  )
  assert.equal(new Set(made.map(({ traceId }) => traceId)).size, 1)
  assert.equal(turn!.attributes['gen_ai.usage.input_tokens'], 12)
  assert.equal(turn!.attributes['gen_ai.usage.output_tokens'], 3)
  assert.ok(!JSON.stringify(made).includes('secret'))
})

test('a wait for a person ends when the request is no longer pending', () => {
  const agent = spans()
  agent.onEvent(use('t1', 'Bash'), working, AT)
  const waiting = { ...working, pending: ['r1'] }
  assert.deepEqual(agent.onEvent(asked('r1', 't1'), waiting, AT + 10), [])
  assert.deepEqual(agent.onChange(waiting, AT + 20), [])
  const [wait] = agent.onChange(working, AT + 70)
  assert.deepEqual([wait!.name, wait!.endMs - wait!.startMs], ['wait_for_person tool', 60])
  const [tool] = agent.onEvent(used('t1'), working, AT + 80)
  assert.equal(wait!.parentSpanId, tool!.spanId)
})

test('the turn of a queued prompt has its own span', () => {
  const agent = spans()
  agent.onEvent(use('t1', 'Bash'), working, AT)
  const next = { ...working, turnSince: '2026-01-01T00:00:01.000Z' }
  const first = agent.onEvent(result(), next, AT + 1000)
  const [second] = agent.onEvent(result({ is_error: true, outcome: 'error_max_turns' }), idle, AT + 3000)
  assert.deepEqual(
    first.map(({ name, error }) => [name, error]),
    [
      ['execute_tool Bash', 'turn_ended'],
      ['invoke_agent claude', undefined],
    ],
  )
  assert.deepEqual([second!.startMs - AT, second!.error], [1000, 'error_max_turns'])
  assert.notEqual(second!.traceId, first[1]!.traceId)
})

test('a daemon that was restarted during a turn continues the trace of the turn', () => {
  const [before, after] = [spans(), spans()]
  before.onEvent(use('t1', 'Bash'), working, AT)
  const [tool] = before.onEvent(used('t1'), working, AT + 10)
  const [turn] = after.onEvent(event({ kind: 'process_exited', run: 1 }), working, AT + 20)
  assert.equal(turn, undefined, 'nothing is known about the turn before its first event')
  const third = spans()
  third.onEvent(use('t2', 'Read'), working, AT + 20)
  const made = third.onEvent(event({ kind: 'process_exited', run: 1 }), idle, AT + 30)
  assert.deepEqual(
    made.map(({ error }) => error),
    ['turn_ended', 'process_exited'],
  )
  assert.deepEqual([made[1]!.traceId, made[1]!.spanId], [tool!.traceId, tool!.parentSpanId])
})

test('an agent’s events cannot make a trace grow without bounds', () => {
  const agent = spans()
  for (let n = 0; n < 1000; n++) agent.onEvent(use(`t${n}`, 'Bash'), working, AT)
  assert.ok(agent.onEvent(result(), idle, AT + 1).length <= 201)
})

test('a parent must be valid', () => {
  const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  assert.deepEqual(parseTraceparent(`00-${trace}-${span}-01`), { traceId: trace, spanId: span })
  assert.deepEqual(parseTraceparent(`01-${trace}-${span}-01-more`), { traceId: trace, spanId: span })
  for (const text of [
    undefined,
    '',
    `ff-${trace}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
  ])
    assert.equal(parseTraceparent(text), undefined, text)
})
