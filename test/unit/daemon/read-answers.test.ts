import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { answersTo } from '../../../src/daemon/read-answers.ts'
import { type PermissionRequest, parseFromServer } from '../../../src/protocol/index.ts'

const questions = [{ question: 'Which?', options: [] }]
const asked: PermissionRequest = {
  request_id: 'r',
  ask: 'question',
  tool: 'AskUserQuestion',
  input: {},
  questions,
}
const form = { server: 'mini', message: 'Which?', fields: [{ name: 'env', type: 'string' }] }

test('the refusal of an answer is short, even for a long answer', () => {
  const long = 'x'.repeat(20_000_000)
  const said = { type: 'agent:answer', command_id: 'c', agent_id: 'a', request_id: 'r' } as const
  for (const [request, answer] of [
    [asked, { answers: { 'Which?': 'A', [long]: 'B' } }],
    [{ ...asked, form }, { answers: { [long]: 'B' } }],
    [
      { ...asked, form },
      { answers: {}, action: long },
    ],
  ] as const)
    assert.throws(
      () => answersTo(request, { ...said, ...answer }),
      (error) => error instanceof CommandFailure && JSON.stringify(error.error).length < 10_000,
    )
})

test('the error for an invalid frame is short, even for a long key', () => {
  const answers = { ['x'.repeat(20_000_000)]: null }
  const frame = { type: 'agent:answer', command_id: 'c', agent_id: 'a', request_id: 'r', answers }
  const parsed = parseFromServer(JSON.stringify(frame))
  assert.ok(!parsed.ok && JSON.stringify(parsed.error).length < 10_000)
})
