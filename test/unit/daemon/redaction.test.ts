import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redaction } from '../../../src/daemon/redaction.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import type { Event, FromDaemon } from '../../../src/protocol/index.ts'

const SECRET = 'hunter22-is-secret'

function redactionOf(redact: object) {
  let policy = PolicyFile.parse({ version: 1, redact })
  const redaction = new Redaction({
    policy: () => policy,
    environment: { MY_TOKEN: SECRET, OTHER: 'ordinary' },
    environments: () => [{ AGENT_TOKEN: 'of-the-agent' }, undefined],
  })
  return {
    redaction,
    change: (next: object) => {
      policy = PolicyFile.parse({ version: 1, redact: next })
    },
  }
}

const activity = (...events: object[]): FromDaemon => ({
  type: 'agent:activity',
  agent_id: 'one',
  from: 0,
  to: 100,
  events: events.map((event, index) => ({ offset: 0, index, ...event }) as Event),
})
const eventsOf = (message: FromDaemon) => (message.type === 'agent:activity' ? message.events : [])

test('secrets are blanked in every text of the agent in an event, but ids are not changed', () => {
  const { redaction } = redactionOf({ variables: ['*_TOKEN'] })
  const sent = eventsOf(
    redaction.redact(
      activity(
        { kind: 'text', message_id: SECRET, text: `It is ${SECRET}; ordinary` },
        {
          kind: 'tool_use',
          tool_use_id: 't',
          tool: 'Bash',
          input: { command: `echo of-the-agent`, [SECRET]: { type: SECRET } },
        },
        { kind: 'tool_result', tool_use_id: 't', is_error: false, content: [{ type: 'text', text: SECRET }] },
        { kind: 'unknown', raw: { type: SECRET } },
        { kind: 'user', content: [{ type: 'text', text: SECRET }] },
      ),
    ),
  )
  assert.deepEqual(sent, [
    { offset: 0, index: 0, kind: 'text', message_id: SECRET, text: 'It is [redacted]; ordinary' },
    {
      ...{ offset: 0, index: 1, kind: 'tool_use', tool_use_id: 't', tool: 'Bash' },
      input: { command: 'echo [redacted]', '[redacted]': { type: '[redacted]' } },
    },
    {
      ...{ offset: 0, index: 2, kind: 'tool_result', tool_use_id: 't', is_error: false },
      content: [{ type: 'text', text: '[redacted]' }],
    },
    { offset: 0, index: 3, kind: 'unknown', raw: { type: '[redacted]' } },
    { offset: 0, index: 4, kind: 'user', content: [{ type: 'text', text: '[redacted]' }] },
  ])
})

test('text that is streamed in pieces is not sent, and a secret that is cut off is blanked', () => {
  const { redaction } = redactionOf({ patterns: ['sk-[a-z]+'] })
  const kinds = ['text_delta', 'thinking_delta', 'tool_input_delta']
  const deltas = kinds.map((kind) => ({ kind, block: 0, text: 'hello sk-' }))
  const unreadable = { kind: 'unreadable', reason: 'torn', bytes: 9, text: '{"text":"sk-' }
  const texts = eventsOf(redaction.redact(activity(...deltas, unreadable))).map(
    (event) => 'text' in event && event.text,
  )
  assert.deepEqual(texts, ['', '', '', '[redacted]'])
})

test('an event that would be invalid without its secrets is replaced by an `unreadable` event with the same id', () => {
  const { redaction } = redactionOf({ patterns: ['Bash'] })
  const name = `${'Bash---'.repeat(146)}`
  const [event] = eventsOf(
    redaction.redact(activity({ kind: 'tool_use', tool_use_id: 't', tool: name, input: {} })),
  )
  assert.deepEqual([event?.kind, event?.offset, event?.index], ['unreadable', 0, 0])
})

test('secrets are also blanked in statuses and results, variables of new agents count as secrets, and a changed policy applies at once', () => {
  const { redaction, change } = redactionOf({ variables: ['MY_TOKEN', 'NEW_*'] })
  const status = { failure: { code: 'launch_failed', message: `No ${SECRET} here, late-secret` } }
  assert.equal(redaction.redactPart(status).failure.message, 'No [redacted] here, late-secret')
  redaction.learn({ NEW_ONE: 'late-secret' })
  assert.equal(redaction.redactPart(status).failure.message, 'No [redacted] here, [redacted]')
  const failed: FromDaemon = {
    type: 'agent:start:result',
    command_id: 'c',
    ok: false,
    error: { code: 'start_failed', message: SECRET },
  }
  const result = redaction.redact(failed)
  assert.ok('error' in result)
  assert.deepEqual(result.error, { code: 'start_failed', message: '[redacted]' })
  change({})
  assert.equal(redaction.redact(failed), failed)
})
