import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { AskingAgent, asks } from '../support/asking-agent.ts'

const RULE = {
  type: 'addRules',
  rules: [{ toolName: 'Bash', ruleContent: 'touch a1' }],
  behavior: 'allow',
  destination: 'localSettings',
}
const FOLDERS = { type: 'addDirectories', directories: ['/srv/a'], destination: 'session' }
const MODE = { type: 'setMode', mode: 'acceptEdits', destination: 'session' }
const SUGGESTED = [RULE, FOLDERS, MODE]

const asking = (t: TestContext, permission_suggestions: unknown[]) => {
  const agent = new AskingAgent(t)
  agent.says(asks('r', { command: 'touch a1' }, { permission_suggestions }))
  return (...remember: unknown[]) =>
    agent.told('permission', { request_id: 'r', decision: 'allow', remember })
}

test('the daemon takes no entry to remember that the request itself does not offer', async (t) => {
  const foreign = [
    { ...RULE, rules: [{ toolName: 'Bash' }] },
    { ...RULE, rules: [...RULE.rules, { toolName: 'Write' }] },
    { ...RULE, destination: 'userSettings' },
    { ...RULE, destination: undefined },
    { ...FOLDERS, directories: ['/'] },
    { ...FOLDERS, destination: 'localSettings' },
    { ...MODE, mode: 'bypassPermissions' },
    { ...MODE, more: true },
    { type: 'setMode' },
    [RULE],
    null,
    'addRules',
    {},
  ]
  const told = asking(t, SUGGESTED)
  for (const entry of foreign)
    assert.equal(await told(MODE, entry), 'invalid_command remember.1', JSON.stringify(entry))
  assert.equal(await told(...SUGGESTED), undefined)
  assert.equal(await asking(t, [])(RULE), 'invalid_command remember.0')
})

test('what another request offers is not offered by this one', async (t) => {
  const agent = new AskingAgent(t)
  agent.says(
    asks('one', {}, { permission_suggestions: [MODE] }),
    asks('two', {}, { permission_suggestions: [RULE] }),
  )
  const body = { decision: 'allow', remember: [MODE] }
  assert.equal(await agent.told('permission', { ...body, request_id: 'two' }), 'invalid_command remember.0')
  assert.equal(await agent.told('permission', { ...body, request_id: 'one' }), undefined)
  assert.deepEqual(agent.answers[0]?.[1].updatedPermissions, [MODE])
})

test('an offer is taken in whatever order its fields come, and for the session alone', async (t) => {
  const { type, rules, behavior } = RULE
  assert.equal(await asking(t, SUGGESTED)({ destination: 'localSettings', behavior, rules, type }), undefined)
  assert.equal(await asking(t, SUGGESTED)({ ...RULE, destination: 'session' }), undefined)
  assert.equal(await asking(t, ['strange', 7, null])(7, null, 'strange'), undefined)
})

test('a thousand entries are compared with a thousand offers at once', async (t) => {
  const offers = Array.from({ length: 1000 }, (_, n) => ({ ...FOLDERS, directories: [`/srv/${n}`] }))
  const told = asking(t, offers)
  assert.equal(await told(...offers.toReversed(), ...offers, MODE), 'invalid_command remember.2000')
  assert.equal(await told(...offers), undefined)
})
