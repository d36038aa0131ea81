import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Audit } from '../../src/hub/audit/audit.ts'
import type { AuditPage, Enrolment, HubMachine, HubToken, NewKey, Outcome } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { bearer, listKeys, makeKey } from '../support/role-keys.ts'
import { until } from '../support/wait.ts'

test('revoking or rotating a key takes effect at once, also for its open streams', async (t) => {
  const hub = await TestHub.open(t)
  const [alice, bob] = [await makeKey(hub, 'alice', 'viewer'), await makeKey(hub, 'bob', 'admin')]
  const follow = async (key: string) => {
    const { body } = await hub.request('GET', '/api/stream', undefined, bearer(key))
    const reader = body!.getReader()
    // Reads until the stream ends or is interrupted.
    const ended = (async () => {
      try {
        while (!(await reader.read()).done);
      } catch {}
      return true
    })()
    return { ended }
  }
  const [one, two, own] = [await follow(alice.key), await follow(bob.key), await follow(hub.key('user'))]
  await hub.api('DELETE', `/api/keys/${alice.key_id}`)
  assert.ok(await one.ended)
  const rotated = (await (
    await hub.request('POST', `/api/keys/${bob.key_id}/rotate`, undefined, bearer(bob.key))
  ).json()) as NewKey & { key: string }
  assert.ok(await two.ended)
  assert.deepEqual([rotated.name, rotated.role], ['bob', 'admin'])
  for (const key of [alice.key, bob.key])
    assert.equal((await hub.request('GET', '/api/agents', undefined, bearer(key))).status, 401)
  assert.equal((await hub.request('GET', '/api/keys', undefined, bearer(rotated.key))).status, 200)
  assert.equal(await Promise.race([own.ended, hub.api('GET', '/api/agents').then(() => false)]), false)

  // The hub's own key cannot be revoked, so that an administrator can still access the hub.
  const local = (await listKeys(hub)).find(({ role, local }) => local && role === 'admin')!
  assert.equal((await hub.request('DELETE', `/api/keys/${local.key_id}`)).status, 409)
  const before = hub.key('user')
  const renewed = await hub.api<NewKey>('POST', `/api/keys/${local.key_id}/rotate`)
  assert.equal(renewed.key, undefined, 'the answer has no new key: the new key is only in the key file')
  assert.notEqual(hub.key('user'), before)
  assert.equal((await hub.request('GET', '/api/agents', undefined, bearer(before))).status, 401)
  assert.equal((await hub.request('GET', '/api/agents')).status, 200)
  await hub.restart()
  assert.equal((await hub.request('GET', '/api/agents', undefined, bearer(before))).status, 401)
  assert.equal((await hub.request('GET', '/api/agents')).status, 200)
})

/** Name that stands for requests without a key. */
const NOBODY = ''

/** Makes orders with these keys wait for the audit log until they are released. */
function held(t: TestContext, ...names: string[]) {
  let letGo = () => {}
  const free = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const { order } = Audit.prototype
  let waiting = 0
  t.mock.method(Audit.prototype, 'order', async function (this: Audit, said: Parameters<typeof order>[0]) {
    const n = await order.call(this, said)
    if (names.includes(said.by ?? NOBODY)) {
      waiting++
      await free
    }
    return n
  })
  return { letGo, waiting: () => waiting }
}

test('an order that waits for the audit log is not carried out if its key is revoked in the meantime', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  for (const id of ['a', 'gone']) daemon.send({ type: 'agent:status', ...statusOf(id) })
  await daemon.close()
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  const evil = await makeKey(hub, 'evil', 'admin')
  const { letGo, waiting } = held(t, 'evil')
  const orders = [
    ['POST', '/api/keys', { name: 'back', role: 'admin' }],
    ['POST', '/api/enrolments', { name: 'back' }],
    ['POST', '/api/agents/a/prompt', { content: 'Fix it.' }],
    ['POST', '/api/agents/gone/remove', {}],
    ['PATCH', '/api/machines/m-1', { name: 'mine' }],
  ] as const
  const asked = orders.map(([method, path, body]) =>
    hub.request(method, path, body, bearer(evil.key)).catch(() => {}),
  )
  await until(() => waiting() === orders.length, { what: 'orders that wait' })
  await hub.api('DELETE', `/api/keys/${evil.key_id}`)
  letGo()
  await Promise.all(asked)
  const refused = await until(
    async () => {
      const { entries } = await hub.api<AuditPage>('GET', '/api/audit?outcome=refused&by=evil')
      return entries.length === orders.length ? entries : undefined
    },
    { what: 'the outcomes of all orders' },
  )
  assert.deepEqual([...new Set(refused.map(({ code }) => code))], ['unauthorized'])
  await again.settled()
  assert.equal(again.ofType('agent:prompt').length, 0)
  assert.deepEqual(
    (await listKeys(hub)).map(({ name }) => name).filter((name) => name === 'back'),
    [],
  )
  assert.deepEqual(await hub.api('GET', '/api/enrolments'), { enrolments: [] })
  assert.equal((await hub.request('GET', '/api/agents/gone')).status, 200)
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.notEqual(machines[0]?.name, 'mine')
})

test('no machine can enroll with a token that is canceled during the enrollment', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', {})
  const { letGo, waiting } = held(t, NOBODY)
  const key_sha256 = '1'.repeat(64)
  const enrolls = hub.request('POST', '/enroll', { token, key_sha256, hostname: 'h' })
  await until(() => waiting() === 1, { what: 'the machine' })
  const { enrolments } = await hub.api<{ enrolments: HubToken[] }>('GET', '/api/enrolments')
  await hub.api('DELETE', `/api/enrolments/${enrolments[0]!.token_id}`)
  letGo()
  assert.equal((await enrolls).status, 401)
  assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes(key_sha256))
  const { entries } = await hub.api<AuditPage>('GET', '/api/audit?action=machine:enroll')
  const outcome = entries.find(({ of }) => of === entries[0]?.n)
  assert.deepEqual([outcome?.outcome, outcome?.code], ['refused', 'token_invalid'])
})

test('a token cannot be both used and canceled, even if its use and its cancellation are logged in one batch', async (t) => {
  const hub = await TestHub.open(t)
  const outcomes: number[][] = []
  for (const first of ['enroll', 'cancel']) {
    const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', {})
    const { enrolments } = await hub.api<{ enrolments: HubToken[] }>('GET', '/api/enrolments')
    const { token_id } = enrolments.find(({ used }) => !used)!
    const { letGo, waiting } = held(t, NOBODY, 'local')
    const key_sha256 = randomBytes(32).toString('hex')
    const ask = {
      enroll: () => hub.request('POST', '/enroll', { token, key_sha256, hostname: 'h' }),
      cancel: () => hub.request('DELETE', `/api/enrolments/${token_id}`),
    }
    const one = ask[first as keyof typeof ask]()
    await until(() => waiting() === 1, { what: 'the first' })
    const other = ask[first === 'enroll' ? 'cancel' : 'enroll']()
    await until(() => waiting() === 2, { what: 'the second' })
    letGo()
    const statuses = [(await one).status, (await other).status]
    outcomes.push(first === 'enroll' ? statuses : statuses.reverse())
    t.mock.restoreAll()
  }
  for (const [enrolled, canceled] of outcomes)
    assert.ok((enrolled === 200 && canceled === 409) || (enrolled === 401 && canceled === 200), `${outcomes}`)
})

test('if two starts of the same agent are logged in one batch, one of them is refused', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ machine_id: 'm-1' })
  const { letGo, waiting } = held(t, 'local')
  const starts = Array.from({ length: 3 }, () =>
    hub.request('POST', '/api/agents?wait=0', { machine_id: 'm-1', agent_id: 'a', spec: { cwd: '/' } }),
  )
  await until(() => waiting() === starts.length, { what: 'the starts' })
  letGo()
  const statuses = (await Promise.all(starts)).map(({ status }) => status)
  assert.deepEqual(statuses.sort(), [202, 409, 409])
})

test('an order that is logged in one batch with the revocation of its key is not carried out after the revocation', async (t) => {
  const hub = await TestHub.open(t)
  const evil = await makeKey(hub, 'evil', 'admin')
  const { letGo, waiting } = held(t, 'evil', 'local')
  const before = waiting()
  const asked = Array.from({ length: 20 }, (_, i) =>
    i === 10
      ? hub.request('DELETE', `/api/keys/${evil.key_id}`)
      : hub
          .request('POST', '/api/keys', { name: `back-${i}`, role: 'admin' }, bearer(evil.key))
          .catch(() => {}),
  )
  await until(() => waiting() - before === asked.length, { what: 'orders that wait' })
  letGo()
  await Promise.all(asked)
  const outcomes = await until(
    async () => {
      const { entries } = await hub.api<AuditPage>('GET', '/api/audit?limit=1000')
      const found = entries.filter(({ of, n }) => of !== undefined && n > entries[1]!.n)
      return found.length >= asked.length ? found : undefined
    },
    { what: 'all outcomes' },
  )
  const revoked = outcomes.findIndex(({ action }) => action === 'key:revoke')
  assert.ok(revoked !== -1)
  for (const { by, outcome } of outcomes.slice(revoked + 1))
    assert.deepEqual([by, outcome], ['evil', 'refused'])
})

test('the revocation of a key ends its orders that wait for an offline machine', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.close()
  const [alice, bob] = [await makeKey(hub, 'alice', 'operator'), await makeKey(hub, 'bob', 'operator')]
  const carol = await makeKey(hub, 'carol', 'operator')
  for (const { key, name } of [alice, bob, carol])
    await hub.request('POST', '/api/agents/a/prompt?wait=0', { command_id: name, content: name }, bearer(key))
  await hub.api('DELETE', `/api/keys/${alice.key_id}`)
  // A new key with the same name is a different key.
  await makeKey(hub, 'alice', 'operator')
  const answer = await hub.request('GET', '/api/commands/alice')
  const { state, error } = (await answer.json()) as Outcome
  assert.deepEqual([state, error?.code], ['failed', 'key_revoked'])
  await hub.api('POST', `/api/keys/${bob.key_id}/rotate`)
  await hub.stop()
  // Change the file as a person could do by hand.
  const path = join(hub.dir, 'user-keys.json')
  const file = JSON.parse(readFileSync(path, 'utf8')) as { keys: { name: string }[] }
  writeFileSync(path, JSON.stringify({ ...file, keys: file.keys.filter(({ name }) => name !== 'carol') }))
  await hub.start()
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  assert.equal((await again.command('agent:prompt')).by, 'bob')
  await again.settled()
  assert.equal(again.ofType('agent:prompt').length, 1)
  const other = (await (await hub.request('GET', '/api/commands/carol')).json()) as Outcome
  assert.equal(other.error?.code, 'key_revoked')
})

test('the revocation of a key does not affect the outcome of an order that the machine may already have received', async (t) => {
  const hub = await TestHub.open(t)
  const dave = await makeKey(hub, 'dave', 'operator')
  const prompt = (id: string) =>
    hub.request('POST', '/api/agents/a/prompt?wait=0', { command_id: id, content: id }, bearer(dave.key))
  const outcome = async (id: string) =>
    (await (await hub.request('GET', `/api/commands/${id}?wait=0`)).json()) as Outcome
  const daemon = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  await prompt('sent')
  await daemon.command('agent:prompt')
  await daemon.close()
  await prompt('waits')
  await hub.api('DELETE', `/api/keys/${dave.key_id}`)
  assert.deepEqual([(await outcome('sent')).state, (await outcome('waits')).state], ['pending', 'failed'])
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  await again.command('agent:prompt')
  again.send({ type: 'agent:prompt:result', command_id: 'sent', ok: true })
  // A machine may still answer an order even if the hub has forgotten that it sent the order.
  again.send({ type: 'agent:prompt:result', command_id: 'waits', ok: true })
  await again.settled()
  assert.equal(again.ofType('agent:prompt').length, 1)
  assert.deepEqual(
    [(await outcome('sent')).state, (await outcome('waits')).state],
    ['succeeded', 'succeeded'],
  )
  assert.equal((await outcome('waits')).error, undefined)
})

test('an order still reaches its machine if the list of keys was damaged while the order waited', async (t) => {
  const hub = await TestHub.open(t)
  await (await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })).close()
  const erin = await makeKey(hub, 'erin', 'operator')
  await hub.request(
    'POST',
    '/api/agents/a/prompt?wait=0',
    { command_id: 'e', content: 'e' },
    bearer(erin.key),
  )
  await hub.stop()
  writeFileSync(join(hub.dir, 'user-keys.json'), '{')
  await hub.start()
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  assert.equal((await again.command('agent:prompt')).by, 'erin')
})
