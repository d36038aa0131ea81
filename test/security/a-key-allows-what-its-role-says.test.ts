import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Hono } from 'hono'
import { ROUTES } from '../../src/hub/http/access.ts'
import { type ApiContext, api } from '../../src/hub/http/api.ts'
import type { Enrolment, HubToken, NewKey } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon, statusOf } from '../support/light-daemon.ts'
import { bearer, listKeys, makeKey } from '../support/role-keys.ts'
import { until } from '../support/wait.ts'

const ROLES = ['viewer', 'operator', 'admin'] as const

/**
 * Returns the method and path of every request of the API, without the middleware that handles all requests.
 */
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
  const made = await Promise.all(ROLES.map((role) => makeKey(hub, `a ${role}`, role)))
  for (const [rank, { key }] of made.entries())
    for (const [route, { role }] of Object.entries(ROUTES)) {
      const [method = '', path = ''] = route.split(' ')
      if (role === 'anyone' || path.endsWith('stream')) continue
      // The path names an object that does not exist, so an allowed request gets an error about that object.
      const { status } = await hub.request(
        method,
        path.replace(/:\w+/g, 'none').replace('*', 'none'),
        method === 'GET' || method === 'DELETE' ? undefined : {},
        bearer(key),
      )
      assert.equal(status === 403, ROLES.indexOf(role) > rank, `${ROLES[rank]}: ${route}: ${status}`)
      assert.notEqual(status, 401)
    }
  const refused = await hub.request('DELETE', '/api/machines/m', undefined, bearer(made[1]!.key))
  const { error } = (await refused.json()) as { error: { code: string; message: string; remedy: string } }
  assert.equal(error.code, 'forbidden')
  assert.match(error.message, /role admin; a operator has the role operator/)
  assert.match(error.remedy, /hub key create NAME --role admin/)
  assert.equal((await hub.request('GET', '/api/nothing', undefined, bearer('fuk_none'))).status, 401)
  assert.equal((await hub.request('GET', '/api/agents', undefined, bearer(hub.key('machine')))).status, 401)
})

test('a key is shown only once, stored only as a hash, and identified by its name', async (t) => {
  const hub = await TestHub.open(t)
  const { key, ...alice } = await makeKey(hub, 'alice', 'operator')
  assert.match(key, /^fuk_[\w-]{43}$/)
  assert.deepEqual([alice.role, alice.used, alice.local], ['operator', false, false])
  assert.deepEqual(
    (await listKeys(hub)).find(({ name }) => name === 'alice'),
    alice,
  )
  for (const file of ['user-keys.json', 'keys.json'])
    assert.ok(!readFileSync(join(hub.dir, file), 'utf8').includes(key), file)
  assert.equal((await hub.request('POST', '/api/keys', { name: 'alice', role: 'viewer' })).status, 409)
  assert.equal((await hub.request('POST', '/api/keys', { name: 'local', role: 'viewer' })).status, 409)
  assert.equal((await hub.request('POST', '/api/keys', { name: 'bob', role: 'owner' })).status, 400)
  await hub.request('GET', '/api/agents', undefined, bearer(key))
  assert.equal((await listKeys(hub)).find(({ name }) => name === 'alice')?.used, true)
  // Older hubs without roles would treat every user key in their list as an admin's key.
  assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes('alice'))
  await hub.restart()
  assert.equal((await hub.request('POST', '/api/agents', {}, bearer(key))).status, 400)
})

test('a user key without a role counts as an admin’s key, and can be revoked', async (t) => {
  const hub = await TestHub.open(t)
  const { key, key_id } = await makeKey(hub, 'old', 'viewer')
  await hub.stop()
  // Write a key into the list, as a person could do by hand.
  const [people, path] = [join(hub.dir, 'user-keys.json'), join(hub.dir, 'keys.json')]
  const [{ sha256 }] = JSON.parse(readFileSync(people, 'utf8')).keys
  writeFileSync(people, JSON.stringify({ version: 1, keys: [] }))
  const file = JSON.parse(readFileSync(path, 'utf8'))
  file.keys.push({ role: 'user', name: 'old', created_at: '2026-01-01T00:00:00.000Z', sha256 })
  writeFileSync(path, JSON.stringify(file))
  await hub.start()
  assert.equal((await hub.request('GET', '/api/keys', undefined, bearer(key))).status, 200)
  assert.equal((await hub.request('DELETE', `/api/keys/${key_id}`)).status, 200)
  assert.equal((await hub.request('GET', '/api/keys', undefined, bearer(key))).status, 401)
})

test('tokens are listed with their creator, and can be canceled', async (t) => {
  const hub = await TestHub.open(t)
  const alice = await makeKey(hub, 'alice', 'admin')
  const open = async (name: string) => {
    const answer = await hub.request('POST', '/api/enrolments', { name }, bearer(alice.key))
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

test('making or rotating a machine’s key never locks out the machine', async (t) => {
  const hub = await TestHub.open(t)
  const { key, key_id, machines } = await makeKey(hub, 'build-7', 'machine', 'm-7')
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
  const { name, used } = (await listKeys(hub)).find((each) => each.key_id === next.key_id)!
  assert.deepEqual([name, used], ['build-7', true])

  // The daemon on the hub's own machine reads the key file again when it starts.
  const own = await hub.dial()
  own.socket.terminate()
  const before = hub.key('machine')
  const greetLocal = async (key: string) => {
    const daemon = await LightDaemon.greet({ url: hub.url, key, hello: { machine_id: 'm-local' } })
    daemon.socket.terminate()
    await daemon.ended()
  }
  await greetLocal(before)
  const local = (await listKeys(hub)).find(({ role, local }) => local && role === 'machine')!
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
    async () => (await listKeys(hub)).filter(({ role, local }) => local && role === 'machine').length === 1,
    {
      what: 'one machine key of the hub',
    },
  )
})
