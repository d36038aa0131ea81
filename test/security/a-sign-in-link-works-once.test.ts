import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditPage } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bearer, makeKey } from '../support/role-keys.ts'
import { browserOf, exchange, makeToken, sessionsOf, signInWithKey, statusOf } from '../support/sessions.ts'

test('a one-time token signs in once, as the key that created it', async (t) => {
  const hub = await TestHub.open(t)
  const alice = await makeKey(hub, 'alice', 'operator')
  const { token } = await makeToken(hub, bearer(alice.key))
  const answers = await Promise.all([1, 2, 3].map(() => exchange(hub, token)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 401, 401])
  const browser = await browserOf(answers.find(({ status }) => status === 201)!)
  assert.deepEqual([browser.session.name, browser.session.key_id], ['alice', alice.key_id])
  assert.equal((await exchange(hub, token)).status, 401)
  assert.equal((await sessionsOf(hub)).length, 1)
  const { entries } = await hub.api<AuditPage>('GET', '/api/audit?action=session:create&by=alice')
  assert.deepEqual(
    entries.map(({ outcome }) => outcome).filter((each) => each === 'succeeded'),
    ['succeeded'],
  )
  // A token is not a key.
  assert.equal(await statusOf(hub, '/api/agents', { headers: bearer(token) }), 401)
})

test('a one-time token is valid for a minute', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const [one, two] = [await makeToken(hub), await makeToken(hub)]
  clock.jump(59_000)
  assert.equal((await exchange(hub, one.token)).status, 201)
  clock.jump(1000)
  assert.equal((await exchange(hub, two.token)).status, 401)
})

test('a one-time token is invalid once its key is revoked or its session has ended', async (t) => {
  const hub = await TestHub.open(t)
  const alice = await makeKey(hub, 'alice', 'viewer')
  const browser = await signInWithKey(hub, alice.key)
  const ofSession = await makeToken(hub, { authorization: '', ...browser.headers })
  const ofKey = await makeToken(hub, bearer(alice.key))
  await hub.api('DELETE', `/api/sessions/${browser.session.session_id}`)
  assert.equal((await exchange(hub, ofSession.token)).status, 401)
  await hub.api('DELETE', `/api/keys/${alice.key_id}`)
  assert.equal((await exchange(hub, ofKey.token)).status, 401)
  assert.deepEqual(await sessionsOf(hub), [])
})

test('a key has at most eight tokens, and no restart of the hub keeps one', async (t) => {
  const hub = await TestHub.open(t)
  const tokens = []
  for (let n = 0; n < 9; n++) tokens.push((await makeToken(hub)).token)
  assert.equal((await exchange(hub, tokens[0]!)).status, 401)
  assert.equal((await exchange(hub, tokens[1]!)).status, 201)
  await hub.restart()
  assert.equal((await exchange(hub, tokens[2]!)).status, 401)
})

test('guesses of a one-time token count as failures', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await makeToken(hub)
  const statuses: number[] = []
  for (let n = 0; n < 25; n++) statuses.push((await exchange(hub, `fst_${n}`)).status)
  assert.deepEqual([...new Set(statuses)], [401, 429])
  assert.equal((await exchange(hub, token)).status, 201)
})
