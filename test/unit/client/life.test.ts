import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lifeText, orderText, settledOrders } from '../../../src/cli/render/life.ts'
import { Life } from '../../../src/client/life.ts'
import type { AuditEntry, Event } from '../../../src/protocol/index.ts'

const event = (fields: object) => ({ offset: 0, index: 0, ...fields }) as Event
const turn = (rest: object = {}) =>
  event({ kind: 'turn_result', outcome: 'success', is_error: false, duration_ms: 1000, ...rest })
const use = event({ kind: 'tool_use', tool_use_id: '1', tool: 'Bash', input: {} })
const ask = (kind: string) =>
  event({ kind: 'permission_request', request_id: '1', ask: kind, tool: 'Bash', input: {} })

function told(...events: Event[]): string[] {
  const life = new Life()
  for (const each of events) life.add(each)
  return life.parts.map(lifeText)
}

test('a life is told in sentences, and equal turns are told together', () => {
  assert.deepEqual(
    told(
      event({ kind: 'process_started', run: 1 }),
      event({ kind: 'session', session_id: 's', model: 'opus', runtime_version: '2.1.330' }),
      use,
      ask('tool'),
      turn(),
      event({ kind: 'session', session_id: 's', model: 'opus', runtime_version: '2.1.330' }),
      use,
      use,
      ask('tool'),
      ask('question'),
      turn({ duration_ms: 62_000 }),
      turn({ is_error: true, interrupted: true, outcome: 'error_during_execution' }),
      turn({ is_error: true, outcome: 'error_max_turns', usage_limit: true }),
      event({ kind: 'prompt_rejected', reason: 'no' }),
      event({ kind: 'process_exited', run: 1, code: 137, signal: 'SIGKILL' }),
      event({ kind: 'process_started', run: 2 }),
      event({ kind: 'process_exited', run: 2, reason: 'rebooted' }),
      event({ kind: 'process_started', run: 3 }),
      event({ kind: 'process_exited', run: 3 }),
      event({ kind: 'process_started', run: 4 }),
      event({ kind: 'process_exited', run: 4, code: 0 }),
    ),
    [
      'Run 1 began, with version 2.1.330 and the model opus.',
      '2 turns ended well, after 1 min 3 s in all. They used 3 tools. They asked for permission 2 times, and 1 question.',
      'A turn was interrupted, after 1.0 s.',
      'A turn failed (error_max_turns), after 1.0 s.',
      'The usage limit of its account was reached.',
      'A hook or rule of the runtime refused a prompt: no',
      'Run 1 was ended by SIGKILL.',
      'Run 2 began.',
      'Run 2 ended when its machine rebooted.',
      'Run 3 began.',
      'Run 3 ended; nobody saw how.',
      'Run 4 began.',
      'Run 4 ended with code 0.',
    ],
  )
})

test('a turn of a sub-agent is not a turn of the agent', () => {
  assert.deepEqual(told(turn({ parent_tool_use_id: 't' })), [])
})

test('texts of an agent are shown without control characters', () => {
  const [text] = told(event({ kind: 'prompt_rejected', reason: 'a\u001b[2Jb\u202e' }))
  assert.doesNotMatch(text!, /[\u001b\u202e]/)
})

test('a very long life keeps its beginning and its end', () => {
  const life = new Life()
  for (let run = 1; run <= 5000; run++) {
    life.add(event({ kind: 'process_started', run }))
    life.add(event({ kind: 'process_exited', run, code: 0 }))
  }
  const { parts, leftOut } = life
  assert.ok(parts.length <= 450)
  assert.equal(parts.length + leftOut, 10_000)
  assert.deepEqual(
    [parts[0], parts.at(-1)],
    [
      { part: 'run_began', run: 1 },
      { part: 'run_ended', run: 5000, code: 0 },
    ],
  )
  assert.deepEqual(parts[life.gapAfter], {
    part: 'run_began',
    run: 5000 - (parts.length - life.gapAfter) / 2 + 1,
  })
})

test('each order is told once, with its outcome', () => {
  const entry = (n: number, rest: object) =>
    ({ n, at: '2026-01-01T10:00:00Z', by: 'alice', ...rest }) as AuditEntry
  const entries = [
    entry(1, { action: 'agent:start', command_id: 'c1', outcome: 'ordered' }),
    entry(2, { action: 'agent:start', command_id: 'c1', outcome: 'succeeded' }),
    entry(3, { action: 'agent:prompt', command_id: 'c2', outcome: 'ordered' }),
    entry(4, { action: 'agent:prompt', command_id: 'c2', outcome: 'failed', code: 'policy' }),
    entry(5, { action: 'agent:stop', outcome: 'refused', code: 'forbidden', by: undefined }),
    entry(6, { action: 'agent:dance', command_id: 'c3', outcome: 'ordered' }),
  ]
  assert.deepEqual(settledOrders(entries).map(orderText), [
    '2026-01-01 10:00:00  alice started it.',
    '2026-01-01 10:00:00  alice sent a prompt (failed: policy).',
    '2026-01-01 10:00:00  A client without a valid key stopped it (refused: forbidden).',
    '2026-01-01 10:00:00  alice ordered agent:dance (no outcome yet).',
  ])
})
