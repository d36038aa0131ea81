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

test('numbers stand for options, anything that is no number is the answer itself', () => {
  assert.equal(answerTo(one, ' 2 '), 'B')
  assert.equal(answerTo(one, '2.'), 'B')
  assert.equal(answerTo(one, '２'), 'B')
  assert.equal(answerTo(many, '1, 2'), 'A, B')
  assert.equal(answerTo(many, '1 2 1,'), 'A, B')
  assert.equal(answerTo(many, '1, something else'), 'A, something else')
  assert.equal(answerTo(many, 'B, 1'), 'B, A')
  assert.equal(answerTo(many, 'ports above 80, 443'), 'ports above 80, 443')
  assert.equal(answerTo(one, 'neither'), 'neither')
  assert.equal(answerTo(one, '3.13'), '3.13')
})

test('a number that stands for no option is refused, and not sent as the answer', () => {
  for (const typed of ['7', '0', '-1', '#3', '7.', '1,2', '1 2', '']) {
    assert.throws(() => answerTo(one, typed), { code: 'answer_invalid', exitCode: 2 }, typed)
  }
  for (const typed of ['1,7', '3', '7, something else', 'A, 7'])
    assert.throws(() => answerTo(many, typed), /There is no option [37]\./, typed)
  assert.throws(() => answersTo([one, many], ['1', '3']), /no option 3/)
})

test('a number is an answer in quotation marks, as a label, or where there are no options', () => {
  assert.equal(answerTo(one, '"7"'), '7')
  assert.equal(answerTo(many, "'7, 8'"), '7, 8')
  assert.equal(answerTo({ question: 'Port?', options: [{ label: '80' }, { label: '443' }] }, '443'), '443')
  assert.equal(answerTo({ question: 'How many?', options: [] }, '7'), '7')
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
  for (const slip of ['u', 'yy', 'yse', '1', '12', 'ok'])
    assert.equal(decisionOf(slip, asked), undefined, slip)
  assert.deepEqual(decisionOf('代わりにmvを', asked), { decision: 'deny', message: '代わりにmvを' })
  assert.equal(decisionOf('a', request('r')), undefined)
})
