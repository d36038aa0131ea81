import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answersTo, answerTo, decisionOf } from '../../../src/cli/agent/answers.ts'
import { pickRequest } from '../../../src/cli/agent/pick-request.ts'
import { answersOf, replyText } from '../../../src/cli/agent/reply.ts'
import type { HubAgent, PermissionRequest } from '../../../src/protocol/index.ts'

const one = { question: 'Which?', options: [{ label: 'A' }, { label: 'B' }] }
const many = { ...one, question: 'What?', multi_select: true }
const given = (...asked: Parameters<typeof answerTo>) => answerTo(...asked).join(', ')
const request = (request_id: string): PermissionRequest => ({
  request_id,
  ask: 'tool',
  tool: 'Bash',
  input: {},
})
const asking = (...ids: string[]) => ({ agent_id: 'a-1', pending: ids.map(request) }) as HubAgent

test('numbers in an answer select options, and any other text is used as the answer', () => {
  assert.equal(given(one, ' 2 '), 'B')
  assert.equal(given(one, '2.'), 'B')
  assert.equal(given(one, '２'), 'B')
  assert.equal(given(many, '1, 2'), 'A, B')
  assert.equal(given(many, '1 2 1,'), 'A, B')
  assert.equal(given(many, '1, something else'), 'A, something else')
  assert.equal(given(many, 'B, 1'), 'B, A')
  assert.equal(given(many, 'ports above 80, 443'), 'ports above 80, 443')
  assert.equal(given(one, 'neither'), 'neither')
  assert.equal(given(one, '3.13'), '3.13')
})

test('a number that selects no option is refused, and is not sent as the answer', () => {
  for (const typed of ['7', '0', '-1', '#3', '7.', '1,2', '1 2', '']) {
    assert.throws(() => answerTo(one, typed), { code: 'answer_invalid', exitCode: 2 }, typed)
  }
  for (const typed of ['1,7', '3', '7, something else', 'A, 7'])
    assert.throws(() => answerTo(many, typed), /There is no option [37]\./, typed)
  assert.throws(() => answersTo([one, many], ['1', '3']), /no option 3/)
})

test('a number in an answer counts as text if it is in quotation marks, if it is a label, or if there are no options', () => {
  assert.equal(given(one, '"7"'), '7')
  assert.equal(given(many, "'7, 8'"), '7, 8')
  assert.equal(given({ question: 'Port?', options: [{ label: '80' }, { label: '443' }] }, '443'), '443')
  assert.equal(given({ question: 'How many?', options: [] }, '7'), '7')
  const crossed = { question: 'Which?', options: [{ label: '2' }, { label: 'keep' }] }
  assert.equal(given(crossed, '2'), 'keep', 'a number takes precedence over a label that looks like a number')
  assert.equal(given(crossed, '"2"'), '2')
})

test('a request needs one answer for each question', () => {
  const replies = answersTo([one, many], ['1', '1, other'])
  assert.deepEqual(answersOf(replies), { 'Which?': 'A', 'What?': 'A, other' })
  assert.deepEqual(replies.map(replyText), [
    'question 1 "Which?": option 1 "A"',
    'question 2 "What?": option 1 "A", "other"',
  ])
  assert.throws(() => answersTo([one], []), /needs 1 answer, but you gave 0/)
})

test('an answer is stored under its question, even if the question is the name of a property that every JavaScript object has', () => {
  for (const question of ['constructor', '__proto__', 'toString'])
    assert.deepEqual(Object.entries(answersOf(answersTo([{ ...one, question }], ['2']))), [[question, 'B']])
})

test('the echo of an answer shows invisible characters, and cannot be confused with other text', () => {
  const asked = { question: 'Which?\n"x": ', options: [{ label: 'A\u200b" option 2' }] }
  const [reply] = answersTo([asked], ['1'])
  assert.equal(replyText(reply!), 'question 1 "Which? \\"x\\":": option 1 "A⟨U+200B⟩\\" option 2"')
})

test('a request is found by a prefix of its id or digest, or without a prefix if it is the only request', () => {
  const pick = (agent: HubAgent, given?: string) => {
    const { request, named } = pickRequest(agent, given)
    return [request.request_id, named]
  }
  assert.deepEqual(pick(asking('abc')), ['abc', false])
  assert.deepEqual(pick(asking('abc', 'xyz'), 'x'), ['xyz', false])
  assert.deepEqual(pick(asking('ab', 'abc'), 'ab'), ['ab', true])
  assert.throws(() => pickRequest(asking(), undefined), /a-1 has no open request/)
  assert.throws(() => pickRequest(asking('abc', 'abd'), undefined), /several open requests/)
  assert.throws(() => pickRequest(asking('abc'), 'q'), /no open request q/)
  const digest = '3d0f7c6b1e5a49f2'
  const known = { agent_id: 'a-1', pending: [{ ...request('abc'), digest }] } as HubAgent
  assert.deepEqual(pick(known, digest), ['abc', true])
  assert.deepEqual(pick(known, digest.slice(0, 8)), ['abc', false])
  assert.deepEqual(pick(known, 'abc'), ['abc', false])
})

test('a reply to a permission request is a decision or a message', () => {
  const offered = (typed: string) => decisionOf(typed, true)
  assert.deepEqual(offered('y'), { decision: 'allow' })
  assert.deepEqual(offered(' NO '), { decision: 'deny' })
  assert.deepEqual(offered('always'), { decision: 'always' })
  assert.deepEqual(offered('use mv instead'), { decision: 'deny', message: 'use mv instead' })
  assert.equal(offered(''), undefined)
  for (const slip of ['u', 'yy', 'yse', '1', '12', 'ok']) assert.equal(offered(slip), undefined, slip)
  assert.deepEqual(offered('代わりにmvを'), { decision: 'deny', message: '代わりにmvを' })
  assert.equal(decisionOf('a', false), undefined)
})
