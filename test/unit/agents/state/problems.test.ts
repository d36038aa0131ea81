import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOOK_IS_SLOW_MS, problemsOf } from '../../../../src/agents/state/problems.ts'
import { emptySnapshot, reduce } from '../../../../src/agents/state/reduce.ts'
import { verdict } from '../../../../src/cli/agent/wait.ts'
import { Event } from '../../../../src/protocol/index.ts'

type Body = { kind: Event['kind']; [field: string]: unknown }
const event = (body: Body): Event => Event.parse({ ...body, offset: 0, index: 0 })
const NOW = Date.parse('2026-01-01T00:00:00Z')

/** Returns the snapshot of an agent in a turn after these events. */
function after(...bodies: Body[]) {
  const snapshot = emptySnapshot('0')
  const turn = [
    { kind: 'process_started', run: 1 },
    { kind: 'reply', request_id: 'i', ok: true },
    running,
  ] as Body[]
  for (const body of [...turn, ...bodies]) reduce(snapshot, event(body), 'i', new Date(NOW).toISOString())
  return snapshot
}

const running: Body = { kind: 'state', state: 'running' }
const idle: Body = { kind: 'state', state: 'idle' }
const failed = (rest: object = {}): Body => ({
  kind: 'turn_result',
  outcome: 'success',
  is_error: true,
  text: 'API Error: 529 Overloaded',
  ...rest,
})
const hook = (rest: object): Body => ({
  kind: 'hook',
  hook_id: 'h',
  name: 'PreToolUse:Bash',
  phase: 'ended',
  ...rest,
})
const servers = (...mcp_servers: object[]): Body => ({ kind: 'session', session_id: 's', mcp_servers })

test('a model service that fails repeatedly is a problem until it answers or stops reporting failures', () => {
  const retry = (attempt: number): Body => ({
    kind: 'retry',
    attempt,
    max_retries: 10,
    delay_ms: 30_000,
    status: 401,
    error: 'authentication_failed',
  })
  assert.deepEqual(problemsOf(after(retry(1), retry(2)), NOW), [])
  const failing = after(
    { kind: 'session', session_id: 's', model: 'opus' },
    retry(7),
    hook({ outcome: 'success' }),
  )
  const detail = 'HTTP 401, authentication_failed, try 7 of 10'
  const problem = { kind: 'model', name: 'opus', status: 'retrying', detail }
  assert.deepEqual(problemsOf(failing, NOW), [problem])
  assert.deepEqual(problemsOf(failing, NOW + 89_000), [problem])
  assert.deepEqual(problemsOf(failing, NOW + 91_000), [])
  const silent = problemsOf(after({ ...retry(3), status: undefined, error: 'unknown' }), NOW)
  assert.equal(silent[0]?.detail, 'the service cannot be reached, try 3 of 10')
  for (const over of [
    { kind: 'text', text: 'hello' },
    failed(),
    idle,
    { kind: 'process_started', run: 2 },
  ] as Body[])
    assert.deepEqual(problemsOf(after(retry(7), over), NOW), [], over.kind)
  assert.doesNotThrow(() => after({ ...retry(7), delay_ms: 1e300 }))
})

test('a failed turn is reported until the next turn begins', () => {
  assert.deepEqual(after(failed(), idle).turn_failed, {
    outcome: 'error',
    message: 'API Error: 529 Overloaded',
  })
  const limit = after(
    failed({ outcome: 'error_max_turns', text: undefined, errors: ['Reached the limit'] }),
    idle,
  )
  assert.deepEqual(limit.turn_failed, { outcome: 'error_max_turns', message: 'Reached the limit' })
  assert.equal(after(failed(), idle, running).turn_failed, undefined)
  assert.equal(after(failed(), { kind: 'process_started', run: 2 }).turn_failed, undefined)
  // A queued prompt runs before the agent is idle.
  const session: Body = { kind: 'session', session_id: 's', model: 'm' }
  assert.equal(after(failed(), session, { ...failed(), is_error: false }, idle).turn_failed, undefined)
  assert.ok(after(session, failed(), idle).turn_failed)
})

test('an interrupt or the failure of a sub-agent does not make the turn a failure', () => {
  const interrupted = failed({ outcome: 'error_during_execution', terminal_reason: 'aborted_streaming' })
  assert.equal(after(interrupted, idle).turn_failed, undefined)
  assert.equal(after(failed({ parent_tool_use_id: 't' }), idle).turn_failed, undefined)
})

test('a prompt that a hook refused is reported, and a command that waits for the prompt fails', () => {
  const rejected: Body = { kind: 'prompt_rejected', reason: 'not here' }
  const done: Body = { kind: 'turn_result', outcome: 'success', is_error: false, num_turns: 0 }
  assert.deepEqual(after(rejected, done, idle).turn_failed, {
    outcome: 'prompt_rejected',
    message: 'not here',
  })

  const begun = (prompt_id: string): Body => ({ kind: 'prompt_state', prompt_id, state: 'started' })
  const settle = (id: string | undefined, ...bodies: Body[]) =>
    bodies
      .map(event)
      .map(verdict(id))
      .find((code) => code !== undefined)
  assert.equal(settle('p', begun('p'), rejected, done), 3)
  assert.equal(settle(undefined, rejected, done), 3)
  assert.equal(settle('p', begun('p'), done), 0)
  // Another prompt was sent during this prompt’s turn.
  assert.equal(settle('p', begun('p'), begun('q'), rejected, { ...done, prompt_ids: ['p'] }), 0)
  assert.equal(settle('q', begun('p'), begun('q'), rejected, { ...done, prompt_ids: ['p'] }), 3)
})

test('MCP servers that do not work are reported until they work', () => {
  const bad = servers(
    { name: 'a', status: 'failed' },
    { name: 'b', status: 'connected' },
    { name: 'c', status: 'needs-auth' },
  )
  assert.deepEqual(after(bad).problems, [
    { kind: 'mcp_server', name: 'a', status: 'failed' },
    { kind: 'mcp_server', name: 'c', status: 'needs-auth' },
  ])
  assert.equal(after(bad, servers({ name: 'a', status: 'connected' })).problems, undefined)
  assert.equal(after(servers({ name: 7 }, { strange: true })).problems, undefined)
  const many = Array.from({ length: 500 }, (_, at) => ({ name: `${at}`.padEnd(9999), status: 'failed' }))
  assert.ok(JSON.stringify(after(servers(...many)).problems).length < 10_000)
})

test('a failing hook is reported until it succeeds, and a hook that refuses does not count as failed', () => {
  const broken = hook({ outcome: 'error', exit_code: 1, output: 'lint: not found\n' })
  const told = {
    kind: 'hook',
    name: 'PreToolUse:Bash',
    status: 'failed',
    detail: 'exit code 1: lint: not found',
  }
  assert.deepEqual(after(broken, broken).problems, [told])
  assert.equal(after(broken, hook({ outcome: 'success', exit_code: 0 })).problems, undefined)
  assert.equal(after(hook({ outcome: 'error', exit_code: 2 })).problems, undefined)
  assert.equal(after(hook({ outcome: 'cancelled' })).problems?.[0]?.status, 'cancelled')
})

test('a hook that does not end is reported after a while', () => {
  const snapshot = after(hook({ phase: 'started' }))
  assert.deepEqual(problemsOf(snapshot, NOW + HOOK_IS_SLOW_MS - 1), [])
  const [slow] = problemsOf(snapshot, NOW + HOOK_IS_SLOW_MS)
  assert.deepEqual([slow?.name, slow?.status], ['PreToolUse:Bash', 'running'])
  assert.deepEqual(problemsOf(after(hook({ phase: 'started' }), hook({ outcome: 'success' })), NOW * 2), [])
})
