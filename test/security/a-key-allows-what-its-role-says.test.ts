import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Hono } from 'hono'
import { Audit } from '../../src/hub/audit/audit.ts'
import { type ApiContext, api } from '../../src/hub/http/api.ts'
import { ROUTES } from '../../src/hub/registry/access.ts'
import type {
  AuditPage,
  Enrolment,
  HubKey,
  HubMachine,
  HubToken,
  NewKey,
  Outcome,
} from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

const ROLES = ['viewer', 'operator', 'admin'] as const

const make = (hub: TestHub, name: string, role: string, machine_id?: string) =>
  hub.api<NewKey & { key: string }>('POST', '/api/keys', { name, role, ...(machine_id && { machine_id }) })

const as = (key: string) => ({ authorization: `Bearer ${key}` })
const keys = async (hub: TestHub) => (await hub.api<{ keys: HubKey[] }>('GET', '/api/keys')).keys

/** Every request of the API, by method and path, except middleware for all requests. */
function routes(): string[] {
  const trails = { middleware: (_: unknown, next: () => Promise<void>) => next() }
  const app: Hono = api({ trails } as unknown as ApiContext)
  const passed = app.routes.filter(({ method }) => method === 'ALL').map(({ path }) => path)
  assert.deepEqual([...new Set(passed)].sort(), ['/*', '/api/*'])
  return app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)
}

test('every request has a role, and every request with an effect has a name in the log', () => {
  assert.deepEqual(
    [...new Set(routes())].filter((route) => !Object.hasOwn(ROUTES, route)),
    [],
  )
  assert.deepEqual(
    Object.keys(ROUTES).filter((route) => !routes().includes(route)),
    [],
  )
  for (const [route, { role, order }] of Object.entries(ROUTES)) {
    if (route.includes(' /api/')) assert.notEqual(role, 'anyone', route)
    if (route === 'POST /enroll/check') continue
    assert.equal(order !== undefined, !route.startsWith('GET '), route)
  }
})

test('a key allows exactly the requests of its role', async (t) => {
  const hub = await TestHub.open(t)
  const made = await Promise.all(ROLES.map((role) => make(hub, `a ${role}`, role)))
  for (const [rank, { key }] of made.entries())
    for (const [route, { role }] of Object.entries(ROUTES)) {
      const [method = '', path = ''] = route.split(' ')
      if (role === 'anyone' || path.endsWith('stream')) continue
      // The path names no existing object, so an allowed request gets an error about that.
      const { status } = await hub.request(
        method,
        path.replace(/:\w+/g, 'none').replace('*', 'none'),
        method === 'GET' || method === 'DELETE' ? undefined : {},
        as(key),
      )
      assert.equal(status === 403, ROLES.indexOf(role) > rank, `${ROLES[rank]}: ${route}: ${status}`)
      assert.notEqual(status, 401)
    }
  const refused = await hub.request('DELETE', '/api/machines/m', undefined, as(made[1]!.key))
  const { error } = (await refused.json()) as { error: { code: string; message: string; remedy: string } }
  assert.equal(error.code, 'forbidden')
  assert.match(error.message, /role admin; a operator has the role operator/)
  assert.match(error.remedy, /hub key create NAME --role admin/)
  assert.equal((await hub.request('GET', '/api/nothing', undefined, as('fuk_none'))).status, 401)
  assert.equal((await hub.request('GET', '/api/agents', undefined, as(hub.key('machine')))).status, 401)
})

test('a key is shown once, stored as its hash, and known by its name', async (t) => {
  const hub = await TestHub.open(t)
  const { key, ...alice } = await make(hub, 'alice', 'operator')
  assert.match(key, /^fuk_[\w-]{43}$/)
  assert.deepEqual([alice.role, alice.used, alice.local], ['operator', false, false])
  assert.deepEqual(
    (await keys(hub)).find(({ name }) => name === 'alice'),
    alice,
  )
  for (const file of ['user-keys.json', 'keys.json'])
    assert.ok(!readFileSync(join(hub.dir, file), 'utf8').includes(key), file)
  assert.equal((await hub.request('POST', '/api/keys', { name: 'alice', role: 'viewer' })).status, 409)
  assert.equal((await hub.request('POST', '/api/keys', { name: 'local', role: 'viewer' })).status, 409)
  assert.equal((await hub.request('POST', '/api/keys', { name: 'bob', role: 'owner' })).status, 400)
  await hub.request('GET', '/api/agents', undefined, as(key))
  assert.equal((await keys(hub)).find(({ name }) => name === 'alice')?.used, true)
  // A hub from before roles would treat every user key in its list as an admin's.
  assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes('alice'))
  await hub.restart()
  assert.equal((await hub.request('POST', '/api/agents', {}, as(key))).status, 400)
})

test('revoking or rotating a key takes effect at once, also for its open streams', async (t) => {
  const hub = await TestHub.open(t)
  const [alice, bob] = [await make(hub, 'alice', 'viewer'), await make(hub, 'bob', 'admin')]
  const follow = async (key: string) => {
    const { body } = await hub.request('GET', '/api/stream', undefined, as(key))
    const reader = body!.getReader()
    // Reads until the stream ends or breaks off.
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
    await hub.request('POST', `/api/keys/${bob.key_id}/rotate`, undefined, as(bob.key))
  ).json()) as NewKey & { key: string }
  assert.ok(await two.ended)
  assert.deepEqual([rotated.name, rotated.role], ['bob', 'admin'])
  for (const key of [alice.key, bob.key])
    assert.equal((await hub.request('GET', '/api/agents', undefined, as(key))).status, 401)
  assert.equal((await hub.request('GET', '/api/keys', undefined, as(rotated.key))).status, 200)
  assert.equal(await Promise.race([own.ended, hub.api('GET', '/api/agents').then(() => false)]), false)

  // The hub's own key is the way back in.
  const local = (await keys(hub)).find(({ role, local }) => local && role === 'admin')!
  assert.equal((await hub.request('DELETE', `/api/keys/${local.key_id}`)).status, 409)
  const before = hub.key('user')
  const renewed = await hub.api<NewKey>('POST', `/api/keys/${local.key_id}/rotate`)
  assert.equal(renewed.key, undefined, 'it is in its file')
  assert.notEqual(hub.key('user'), before)
  assert.equal((await hub.request('GET', '/api/agents', undefined, as(before))).status, 401)
  assert.equal((await hub.request('GET', '/api/agents')).status, 200)
  await hub.restart()
  assert.equal((await hub.request('GET', '/api/agents', undefined, as(before))).status, 401)
  assert.equal((await hub.request('GET', '/api/agents')).status, 200)
})

/** Instead of a key's name. */
const NOBODY = ''

/** Orders with these keys wait for the audit log until they are released. */
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

test('an order that waits for the log is not carried out if its key is revoked', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  for (const id of ['a', 'gone']) daemon.send({ type: 'agent:status', ...statusOf(id) })
  await daemon.close()
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  const evil = await make(hub, 'evil', 'admin')
  const { letGo, waiting } = held(t, 'evil')
  const orders = [
    ['POST', '/api/keys', { name: 'back', role: 'admin' }],
    ['POST', '/api/enrolments', { name: 'back' }],
    ['POST', '/api/agents/a/prompt', { content: 'Fix it.' }],
    ['POST', '/api/agents/gone/remove', {}],
    ['PATCH', '/api/machines/m-1', { name: 'mine' }],
  ] as const
  const asked = orders.map(([method, path, body]) =>
    hub.request(method, path, body, as(evil.key)).catch(() => {}),
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
    { what: 'what became of the orders' },
  )
  assert.deepEqual([...new Set(refused.map(({ code }) => code))], ['unauthorized'])
  await again.settled()
  assert.equal(again.ofType('agent:prompt').length, 0)
  assert.deepEqual(
    (await keys(hub)).map(({ name }) => name).filter((name) => name === 'back'),
    [],
  )
  assert.deepEqual(await hub.api('GET', '/api/enrolments'), { enrolments: [] })
  assert.equal((await hub.request('GET', '/api/agents/gone')).status, 200)
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.notEqual(machines[0]?.name, 'mine')
})

test('a token that is canceled during an enrollment admits no machine', async (t) => {
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

test('an order logged in one batch with the revocation of its key is not carried out after it', async (t) => {
  const hub = await TestHub.open(t)
  const evil = await make(hub, 'evil', 'admin')
  const { letGo, waiting } = held(t, 'evil', 'local')
  const before = waiting()
  const asked = Array.from({ length: 20 }, (_, i) =>
    i === 10
      ? hub.request('DELETE', `/api/keys/${evil.key_id}`)
      : hub.request('POST', '/api/keys', { name: `back-${i}`, role: 'admin' }, as(evil.key)).catch(() => {}),
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

test('orders that wait for an offline machine end with their key', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.close()
  const [alice, bob] = [await make(hub, 'alice', 'operator'), await make(hub, 'bob', 'operator')]
  const carol = await make(hub, 'carol', 'operator')
  for (const { key, name } of [alice, bob, carol])
    await hub.request('POST', '/api/agents/a/prompt?wait=0', { command_id: name, content: name }, as(key))
  await hub.api('DELETE', `/api/keys/${alice.key_id}`)
  // A new key with the same name is a different key.
  await make(hub, 'alice', 'operator')
  const answer = await hub.request('GET', '/api/commands/alice')
  const { state, error } = (await answer.json()) as Outcome
  assert.deepEqual([state, error?.code], ['failed', 'key_revoked'])
  await hub.api('POST', `/api/keys/${bob.key_id}/rotate`)
  await hub.stop()
  // Edits the file by hand.
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

test('an order that its machine may have keeps its outcome when the key is revoked', async (t) => {
  const hub = await TestHub.open(t)
  const dave = await make(hub, 'dave', 'operator')
  const prompt = (id: string) =>
    hub.request('POST', '/api/agents/a/prompt?wait=0', { command_id: id, content: id }, as(dave.key))
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
  // What the hub has forgotten to have sent, the machine may answer all the same.
  again.send({ type: 'agent:prompt:result', command_id: 'waits', ok: true })
  await again.settled()
  assert.equal(again.ofType('agent:prompt').length, 1)
  assert.deepEqual(
    [(await outcome('sent')).state, (await outcome('waits')).state],
    ['succeeded', 'succeeded'],
  )
  assert.equal((await outcome('waits')).error, undefined)
})

test('orders wait on where the list of keys was damaged', async (t) => {
  const hub = await TestHub.open(t)
  await (await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })).close()
  const erin = await make(hub, 'erin', 'operator')
  await hub.request('POST', '/api/agents/a/prompt?wait=0', { command_id: 'e', content: 'e' }, as(erin.key))
  await hub.stop()
  writeFileSync(join(hub.dir, 'user-keys.json'), '{')
  await hub.start()
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  assert.equal((await again.command('agent:prompt')).by, 'erin')
})

test('a user key from before roles counts as an admin’s, and can be revoked', async (t) => {
  const hub = await TestHub.open(t)
  const { key, key_id } = await make(hub, 'old', 'viewer')
  await hub.stop()
  // As if a person had written it into the list.
  const [people, path] = [join(hub.dir, 'user-keys.json'), join(hub.dir, 'keys.json')]
  const [{ sha256 }] = JSON.parse(readFileSync(people, 'utf8')).keys
  writeFileSync(people, JSON.stringify({ version: 1, keys: [] }))
  const file = JSON.parse(readFileSync(path, 'utf8'))
  file.keys.push({ role: 'user', name: 'old', created_at: '2026-01-01T00:00:00.000Z', sha256 })
  writeFileSync(path, JSON.stringify(file))
  await hub.start()
  assert.equal((await hub.request('GET', '/api/keys', undefined, as(key))).status, 200)
  assert.equal((await hub.request('DELETE', `/api/keys/${key_id}`)).status, 200)
  assert.equal((await hub.request('GET', '/api/keys', undefined, as(key))).status, 401)
})

test('tokens are listed with their creator, and can be canceled', async (t) => {
  const hub = await TestHub.open(t)
  const alice = await make(hub, 'alice', 'admin')
  const open = async (name: string) => {
    const answer = await hub.request('POST', '/api/enrolments', { name }, as(alice.key))
    return ((await answer.json()) as Enrolment).token
  }
  const enroll = (token: string) =>
    hub.request('POST', '/enroll', { token, key_sha256: '0'.repeat(64), hostname: 'h' })
  const list = async () => (await hub.api<{ enrolments: HubToken[] }>('GET', '/api/enrolments')).enrolments
  const [one, two] = [await open('one'), await open('two')]
  const tokens = await list()
  assert.deepEqual(
    tokens.map(({ name, by, used }) => [name, by, used]),
    [
      ['one', 'alice', false],
      ['two', 'alice', false],
    ],
  )
  const text = JSON.stringify(tokens) + readFileSync(join(hub.dir, 'enrolments.json'), 'utf8')
  assert.ok(!text.includes(one) && !text.includes(two))
  assert.equal((await hub.request('DELETE', `/api/enrolments/${tokens[0]!.token_id}`)).status, 200)
  assert.equal((await enroll(one)).status, 401)
  assert.equal((await enroll(two)).status, 200)
  const [used] = await list()
  assert.deepEqual([used?.used, used?.key_id], [true, '0'.repeat(12)])
  assert.equal((await hub.request('DELETE', `/api/enrolments/${used?.token_id}`)).status, 409)
  assert.equal((await hub.request('DELETE', '/api/enrolments/none')).status, 404)
})

test('making or rotating a machine’s key never leaves the machine unable to connect', async (t) => {
  const hub = await TestHub.open(t)
  const { key, key_id, machines } = await make(hub, 'build-7', 'machine', 'm-7')
  assert.match(key, /^fmk_/)
  assert.deepEqual(machines, ['m-7'])
  const greet = (key: string) => LightDaemon.greet({ url: hub.url, key, hello: { machine_id: 'm-7' } })
  const first = await greet(key)
  first.send({ type: 'agent:status', ...statusOf('a') })
  const next = await hub.api<NewKey & { key: string }>('POST', `/api/keys/${key_id}/rotate`)
  await first.settled()
  assert.equal(first.closed, undefined)
  first.socket.terminate()
  const again = await greet(key)
  again.socket.terminate()
  const second = await greet(next.key)
  await assert.rejects(LightDaemon.dial(hub.url, key), /401/)
  second.socket.terminate()
  const { name, used } = (await keys(hub)).find((each) => each.key_id === next.key_id)!
  assert.deepEqual([name, used], ['build-7', true])

  // The daemon of the hub's own machine reads the file again when it starts.
  const own = await hub.dial()
  own.socket.terminate()
  const before = hub.key('machine')
  const greetLocal = async (key: string) => {
    const daemon = await LightDaemon.greet({ url: hub.url, key, hello: { machine_id: 'm-local' } })
    daemon.socket.terminate()
    await daemon.ended()
  }
  await greetLocal(before)
  const local = (await keys(hub)).find(({ role, local }) => local && role === 'machine')!
  await hub.api('POST', `/api/keys/${local.key_id}/rotate`)
  await greetLocal(before)
  await hub.restart()
  await greetLocal(before)
  const after = hub.key('machine')
  assert.notEqual(after, before)
  await greetLocal(after)
  assert.equal(hub.key('machine'), after)
  await assert.rejects(LightDaemon.dial(hub.url, before), /401/)
  await until(
    async () => (await keys(hub)).filter(({ role, local }) => local && role === 'machine').length === 1,
    {
      what: 'one machine key of the hub',
    },
  )
})
