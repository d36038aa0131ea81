import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptySnapshot, reduce } from '../../../../src/agents/state/reduce.ts'
import { Event } from '../../../../src/protocol/index.ts'

type Body = { kind: Event['kind']; [field: string]: unknown }

const started = (run: number): Body[] => [
  { kind: 'process_started', run },
  { kind: 'reply', request_id: 'i', ok: true },
]
/** A turn that costs 1 dollar. @param turns number of turns that the runtime has counted so far */
const turn = (turns: number): Body => ({
  kind: 'turn_result',
  outcome: 'success',
  is_error: false,
  total_cost_usd: turns,
  usage: { input_tokens: 10, output_tokens: 5 },
  model_usage: { m: { inputTokens: 10 * turns, outputTokens: 5 * turns } },
})
const cleared: Body = { ...turn(0), usage: { input_tokens: 0, output_tokens: 0 }, model_usage: {} }
const ended = (run: number, rest: object = { code: 0 }): Body => ({ kind: 'process_exited', run, ...rest })
const killed = { code: 137, signal: 'SIGKILL' }
const notStarted: Body = { ...turn(0), is_error: true, outcome: 'error_during_execution' }

/** Returns the total cost of the agent after each turn. */
function costs(...bodies: Body[]) {
  const snapshot = emptySnapshot('0')
  return bodies.flatMap((body, offset) => {
    reduce(snapshot, Event.parse({ ...body, offset, index: 0 }), 'i', '1')
    return body.kind === 'turn_result' ? [snapshot.total_cost_usd] : []
  })
}

test('costs still add up after the conversation was cleared', () => {
  assert.deepEqual(costs(...started(1), turn(1), turn(2), cleared, turn(1), turn(2)), [1, 2, 2, 3, 4])
})

test('costs add up over processes, whether the runtime continues counting or starts again from zero', () => {
  const orderly = [...started(1), turn(1), turn(2), ended(1), ...started(2), turn(3)]
  assert.deepEqual(costs(...orderly), [1, 2, 3])
  const terminated = { code: 143, signal: 'SIGTERM' }
  assert.deepEqual(costs(...started(1), turn(1), ended(1, terminated), ...started(2), turn(2)), [1, 2])
  assert.deepEqual(
    costs(...started(1), turn(1), turn(2), ended(1, killed), ...started(2), turn(1)),
    [1, 2, 3],
  )
  // The first turn after the restart costs as much as all turns before.
  assert.deepEqual(costs(...started(1), turn(1), ended(1, killed), ...started(2), turn(1)), [1, 2])
  // The count continues from the last orderly end.
  assert.deepEqual(costs(...orderly, turn(4), ended(2, killed), ...started(3), turn(3)), [1, 2, 3, 4, 5])
})

test('a failed start costs nothing, and does not count earlier costs twice', () => {
  const failed = [...started(1), turn(1), ended(1), started(2)[0]!, notStarted, ended(2, { code: 1 })]
  assert.deepEqual(costs(...failed, ...started(3), turn(2)), [1, 1, 2])
})

test('costs never decrease, even when the runtime reports a lower total', () => {
  for (const shown of [-5, 0, 1e-9]) {
    const [before, after] = costs(...started(1), turn(3), { ...turn(0), total_cost_usd: shown })
    assert.ok(after! >= before!)
  }
})
