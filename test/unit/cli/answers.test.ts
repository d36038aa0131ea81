import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answersTo, answerTo, decisionOf, pickRequest } from '../../../src/cli/agent/answers.ts'
import type { HubAgent, PermissionRequest } from '../../../src/protocol/index.ts'

const one = { question: 'Which?', options: [{ label: 'A' }, { label: 'B' }] }
const many = { ...one, question: 'What?', multi_select: true }
const request = (request_id: string): PermissionRequest => ({
  request_id,
  ask: 'tool',
  tool: 'Bash',
  input: {},
})
const asking = (...ids: string[]) => ({ agent_id: 'a-1', pending: ids.map(request) }) as HubAgent

test('numbers stand for options, anything else is the answer itself', () => {
  assert.equal(answerTo(one, ' 2 '), 'B')
  assert.equal(answerTo(one, '3'), '3')
  assert.equal(answerTo(one, '1,2'), '1,2')
  assert.equal(answerTo(many, '1, 2'), 'A, B')
  assert.equal(answerTo(many, '1, something else'), '1, something else')
  assert.equal(answerTo(one, 'neither'), 'neither')
})

test('one answer for each question', () => {
  assert.deepEqual(answersTo([one, many], ['1', '1,2']), { 'Which?': 'A', 'What?': 'A, B' })
  assert.throws(() => answersTo([one], []), /1 answer is needed, 0 given/)
})

test('a request is found by itself, or by the beginning of its id', () => {
  assert.equal(pickRequest(asking('abc'), undefined).request_id, 'abc')
  assert.equal(pickRequest(asking('abc', 'xyz'), 'x').request_id, 'xyz')
  assert.equal(pickRequest(asking('ab', 'abc'), 'ab').request_id, 'ab')
  assert.throws(() => pickRequest(asking(), undefined), /a-1 asks for nothing/)
  assert.throws(() => pickRequest(asking('abc', 'abd'), undefined), /more than one thing/)
  assert.throws(() => pickRequest(asking('abc'), 'q'), /does not ask for q/)
})

test('what is typed at a request', () => {
  const asked = { ...request('r'), suggestions: [{ rule: 1 }] }
  assert.deepEqual(decisionOf('y', asked), { decision: 'allow' })
  assert.deepEqual(decisionOf(' NO ', asked), { decision: 'deny' })
  assert.deepEqual(decisionOf('always', asked), { decision: 'allow', remember: [{ rule: 1 }] })
  assert.deepEqual(decisionOf('use mv instead', asked), { decision: 'deny', message: 'use mv instead' })
  assert.equal(decisionOf('', asked), undefined)
  assert.equal(decisionOf('u', asked), undefined)
})
