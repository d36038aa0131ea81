import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HubClient } from '../../../src/client/hub-client.ts'
import { offersOf } from '../../../src/client/offers.ts'
import { Answering, onlyRefused } from '../../../src/console/ask/answering.ts'
import type { PermissionRequest } from '../../../src/protocol/permission.ts'

const request: PermissionRequest = {
  request_id: 'r-1',
  digest: 'd-1',
  ask: 'tool',
  tool: 'Bash',
  input: { command: 'ls' },
  suggestions: [
    {
      type: 'addRules',
      rules: [{ toolName: 'Bash', ruleContent: 'ls:*' }],
      behavior: 'allow',
      destination: 'localSettings',
    },
  ],
}
const named = { request_id: 'r-1', digest: 'd-1' }

/** Returns an `Answering`, and the commands that it sends. */
function stage(asked = request, signs = false) {
  const sent: unknown[] = []
  const agentCommand = async (...command: unknown[]) => void sent.push(command.slice(0, 3))
  const hub = { signs, agentCommand } as unknown as HubClient
  return { answering: new Answering(hub, 'a-1', asked), sent }
}

test('an answer names the request that the person has seen', async () => {
  const { answering, sent } = stage()
  await answering.allow()
  await answering.deny({ message: ' Use npm. ', interrupt: true })
  await answering.deny({ message: ' ', interrupt: false })
  await answering.answer({ 'Which?': 'A' })
  assert.deepEqual(sent, [
    ['a-1', 'permission', { ...named, decision: 'allow' }],
    ['a-1', 'permission', { ...named, decision: 'deny', message: 'Use npm.', interrupt: true }],
    ['a-1', 'permission', { ...named, decision: 'deny' }],
    ['a-1', 'answer', { ...named, answers: { 'Which?': 'A' } }],
  ])
})

test('a signed decision also contains what the person has seen', async () => {
  const { answering, sent } = stage(request, true)
  await answering.allow()
  assert.deepEqual(sent, [
    ['a-1', 'permission', { ...named, decision: 'allow', tool: 'Bash', input: { command: 'ls' } }],
  ])
})

test('a rule is remembered for the session only, unless the person also saves it', async () => {
  const { answering, sent } = stage()
  const [offer] = offersOf(request)
  await answering.allow([{ offer: offer!, save: false }])
  await answering.allow([{ offer: offer!, save: true }])
  const [entry] = request.suggestions!
  assert.deepEqual(
    sent.map((command) => (command as [string, string, { remember: unknown }])[2].remember),
    [[{ ...(entry as object), destination: 'session' }], [entry]],
  )
})

test('the message of a refusal is left out for a form, which has no place for it', async () => {
  const { answering, sent } = stage({ ...request, form: { server: 's', message: 'm', fields: [] } })
  await answering.deny({ message: 'No.', interrupt: false })
  await answering.leave('cancel')
  assert.deepEqual(sent, [
    ['a-1', 'permission', { ...named, decision: 'deny' }],
    ['a-1', 'answer', { ...named, action: 'cancel' }],
  ])
})

test('an incomplete or ambiguous request can only be refused', () => {
  assert.equal(onlyRefused(request), undefined)
  assert.match(onlyRefused({ ...request, cut: true })!, /was cut/)
  assert.match(onlyRefused({ ...request, input_omitted: true })!, /whole request/)
  const question = { question: 'Which?', options: [] }
  assert.match(onlyRefused({ ...request, ask: 'question', questions: [question, question] })!, /same text/)
})
