import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEXT_BYTES } from '../../../../src/hub/push/aes128gcm.ts'
import { pushText } from '../../../../src/hub/push/push-text.ts'
import {
  type AgentStatus,
  type HubAgent,
  type PermissionRequest,
  PushMessage,
} from '../../../../src/protocol/index.ts'
import { needsOf } from '../../../../src/protocol/needs.ts'
import { statusOf } from '../../../support/light-daemon.ts'
import { requestFor } from '../../../support/scripted-agent.ts'

const agentOf = (rest: Partial<HubAgent>): HubAgent => ({
  ...statusOf('a'),
  machine_id: 'm',
  machine_name: 'build-1',
  connected: true,
  offset: 0,
  ...rest,
})

/** Returns the messages about an agent. */
function messages(rest: Partial<HubAgent>, open?: string[]): PushMessage[] {
  const agent = agentOf(rest)
  return needsOf(agent).map((need) => {
    const text = pushText(agent, need, { now: 0, open })
    assert.ok(text.length <= TEXT_BYTES, `${text.length} bytes`)
    return PushMessage.parse(JSON.parse(text.toString()))
  })
}

const asked = (rest: Partial<PermissionRequest>, input: Record<string, unknown> = {}) =>
  messages({ pending: [requestFor('r', input, rest)] }).map(({ body }) => body)

test('a message says what the agent asks', () => {
  const questions = [{ question: 'Which tests?', options: [] }]
  const form = { server: 'tickets', message: 'Which project?', fields: [] }
  assert.deepEqual(asked({}, { command: 'npm test' }), ['Allow Bash? npm test'])
  assert.deepEqual(asked({ tool: 'Edit' }, { file: 'a.ts', all: true, parts: [1] }), [
    'Allow Edit? file: a.ts, all: true, parts: …',
  ])
  assert.deepEqual(asked({ description: 'Look around' }), ['Allow Bash? Look around'])
  assert.deepEqual(asked({ ask: 'question', questions }), ['Asks Which tests?'])
  assert.deepEqual(asked({ ask: 'plan' }), ['Approve its plan?'])
  assert.deepEqual(asked({ form }), ['Form of tickets Which project?'])
})

test('a message is short, and shows hidden characters', () => {
  assert.deepEqual(asked({}, { command: 'ls \u202e\u200b\u0007\n\u{e0041}; rm' }), [
    'Allow Bash? ls \\u202e\\u200b\\u0007\\n\\udb40\\udc41; rm',
  ])
  const [long = ''] = asked({}, { command: 'x'.repeat(100_000) })
  assert.ok(long.length <= 240 && long.endsWith('…'))
})

test('a message fits into one record, with any text', () => {
  for (const char of ['"', '\\', '\u0001', '\u202e', '漢', '😀', '\ud800']) {
    const many = char.repeat(1024)
    const open = Array.from({ length: 24 }, () => 'x'.repeat(22))
    for (const ids of [many, char.repeat(128)]) {
      const request = requestFor(ids, { command: many })
      const rest = { title: many, machine_name: many, machine_id: char.repeat(128), pending: [request] }
      const [message] = messages(rest, open)
      assert.ok(message)
      assert.equal(message.tag.length, 22)
    }
  }
})

test('an agent needs a person for its requests, or else for its state', () => {
  const kinds = (rest: Partial<AgentStatus> & { gone?: boolean }) =>
    needsOf({ ...statusOf('a'), ...rest }).map(({ kind }) => kind)
  const pending = [requestFor('r1', {}), requestFor('r2', {}, { ask: 'plan' })]
  assert.deepEqual(kinds({ pending }), ['permission', 'question'])
  assert.deepEqual(kinds({ pending, gone: true }), [])
  assert.deepEqual(kinds({ pending_omitted: 3 }), ['permission'])
  assert.deepEqual(kinds({ pending, limited: {} }), ['permission', 'question'])
  assert.deepEqual(kinds({ limited: {}, turn_failed: { outcome: 'error' } }), ['limited'])
  assert.deepEqual(kinds({ turn_failed: { outcome: 'error' } }), ['failed'])
  assert.deepEqual(kinds({ state: 'failed' }), ['failed'])
  assert.deepEqual(kinds({ state: 'exited', restart_held_until: '2026-01-01T00:00:00Z' }), ['failed'])
  assert.deepEqual(kinds({ state: 'exited', exit: { reason: 'crashed' } }), ['ended'])
  assert.deepEqual(kinds({ state: 'exited', exit: { reason: 'stopped' }, limited: {} }), [])
  for (const state of ['starting', 'idle', 'working', 'stopping'] as const)
    assert.deepEqual(kinds({ state }), [])
})
