import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditPage, Me } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bearer, makeKey } from '../support/role-keys.ts'
import {
  ask,
  type Browser,
  browserOf,
  exchange,
  makeToken,
  sessionsOf,
  shown,
  signInWithKey,
  statusOf,
} from '../support/sessions.ts'
import { SseReader } from '../support/sse-reader.ts'
import { until } from '../support/wait.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const reads = (hub: TestHub, headers: Record<string, string>) => statusOf(hub, '/api/agents', { headers })

test('a session is accepted only with its cookie and its secret together', async (t) => {
  const hub = await TestHub.open(t)
  const alice = await makeKey(hub, 'alice', 'viewer')
  const [one, other] = [await signInWithKey(hub, alice.key), await signInWithKey(hub, alice.key)]
  const { session_id } = one.session
  assert.equal(await reads(hub, one.headers), 200)
  const refused: Record<string, Record<string, string>> = {
    nothing: {},
    'the cookie alone': { cookie: one.cookie },
    'the header alone': shown(session_id, one.secret),
    'the secret of another session': { cookie: one.cookie, ...shown(session_id, other.secret) },
    'the cookie of another session': { cookie: other.cookie, ...shown(session_id, one.secret) },
    'the value of another session’s cookie': {
      cookie: `fomular_session_${session_id}=${other.cookie.split('=')[1]}`,
      ...shown(session_id, one.secret),
    },
    'the secret in the place of the cookie': {
      cookie: `fomular_session_${session_id}=${one.secret}`,
      ...shown(session_id, one.secret),
    },
    'an empty secret': { cookie: one.cookie, 'x-fomular-session': `${session_id}.` },
    'a header without an id': { cookie: one.cookie, 'x-fomular-session': one.secret },
    'the id of no session': { cookie: one.cookie, ...shown('0'.repeat(16), one.secret) },
    'the name of a property': { cookie: one.cookie, ...shown('constructor', one.secret) },
    'the secret as a key': { cookie: one.cookie, ...bearer(one.secret) },
  }
  for (const [what, headers] of Object.entries(refused)) assert.equal(await reads(hub, headers), 401, what)
  // Other servers of the host may have set cookies, even with the same name.
  const tossed = { ...one.headers, cookie: `a=b; fomular_session_${session_id}=x; ${one.cookie}; c` }
  assert.equal(await reads(hub, tossed), 200)
  // A browser that is behind a proxy with a password sends the password, too.
  assert.equal(await reads(hub, { ...one.headers, authorization: 'Basic eDp5' }), 200)
})

test('wrong secrets count as failures, and do not affect the session', async (t) => {
  const hub = await TestHub.open(t)
  const one = await signInWithKey(hub, hub.key('user'))
  const wrong = { cookie: one.cookie, ...shown(one.session.session_id, 'x'.repeat(43)) }
  const statuses: number[] = []
  for (let n = 0; n < 25; n++) statuses.push(await reads(hub, wrong))
  assert.deepEqual([...new Set(statuses)], [401, 429])
  assert.equal(await reads(hub, one.headers), 200)
  const { entries } = await hub.api<AuditPage>('GET', '/api/audit?outcome=refused')
  assert.equal(entries[0]?.code, 'unauthorized')
})

test('a session has the role of its key, and is named after the key', async (t) => {
  const hub = await TestHub.open(t)
  const alice = await makeKey(hub, 'alice', 'viewer')
  const one = await signInWithKey(hub, alice.key)
  const me = async () => (await (await ask(hub, '/api/me', { headers: one.headers })).json()) as Me
  const own = { name: 'alice', key_id: alice.key_id, session_id: one.session.session_id }
  assert.deepEqual(await me(), { ...own, role: 'viewer' })
  assert.equal(await statusOf(hub, '/api/keys', { headers: one.headers }), 403)
  // Change the role in the file, as an operator can do by hand.
  const path = join(hub.dir, 'user-keys.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"viewer"', '"admin"'))
  assert.deepEqual(await me(), { ...own, role: 'admin' })
  assert.equal(await statusOf(hub, '/api/keys', { headers: one.headers }), 200)
})

test('a session ends with its key, and so do its streams', async (t) => {
  const hub = await TestHub.open(t)
  const [alice, bob] = [await makeKey(hub, 'alice', 'viewer'), await makeKey(hub, 'bob', 'viewer')]
  const [one, two] = [await signInWithKey(hub, alice.key), await signInWithKey(hub, bob.key)]
  const streams = await Promise.all(
    [one, two].map(({ headers }) => SseReader.open(`${hub.url}/api/stream`, headers)),
  )
  await hub.api('DELETE', `/api/keys/${alice.key_id}`)
  await until(() => streams[0]!.ended, { what: 'the end of the stream of a revoked key' })
  await hub.api('POST', `/api/keys/${bob.key_id}/rotate`)
  await until(() => streams[1]!.ended, { what: 'the end of the stream of a rotated key' })
  for (const { headers } of [one, two]) assert.equal(await reads(hub, headers), 401)
  assert.deepEqual(await sessionsOf(hub), [])
  await hub.restart()
  for (const { headers } of [one, two]) assert.equal(await reads(hub, headers), 401)
})

test('a person ends a session of the own key, and an admin ends any session, with its streams', async (t) => {
  const hub = await TestHub.open(t)
  const [alice, bob] = [await makeKey(hub, 'alice', 'viewer'), await makeKey(hub, 'bob', 'operator')]
  const [one, two] = [await signInWithKey(hub, alice.key), await signInWithKey(hub, alice.key)]
  const three = await signInWithKey(hub, bob.key)
  const end = (by: Browser, { session }: Browser) =>
    statusOf(hub, `/api/sessions/${session.session_id}`, { method: 'DELETE', headers: by.headers })
  const ids = (list: { session_id: string }[]) => list.map(({ session_id }) => session_id)

  const list = await sessionsOf(hub, one.headers)
  assert.deepEqual(ids(list), ids([one.session, two.session]))
  assert.deepEqual(
    list.map(({ current }) => current),
    [true, undefined],
  )
  assert.equal(await end(one, three), 404)
  assert.equal(await end(three, one), 404)
  const stream = await SseReader.open(`${hub.url}/api/stream`, two.headers)
  assert.equal(await end(one, two), 200)
  await until(() => stream.ended, { what: 'the end of the stream' })
  assert.equal(await reads(hub, two.headers), 401)
  assert.equal(await end(one, two), 404)

  assert.deepEqual(ids(await sessionsOf(hub)), ids([one.session, three.session]))
  assert.equal((await hub.request('DELETE', `/api/sessions/${three.session.session_id}`)).status, 200)
  assert.equal(await reads(hub, three.headers), 401)
  const signedOut = await ask(hub, `/api/sessions/${one.session.session_id}`, {
    method: 'DELETE',
    headers: one.headers,
  })
  assert.equal(signedOut.status, 200)
  assert.match(signedOut.headers.get('set-cookie') ?? '', /^fomular_session_\w+=;.*Max-Age=0/)
  assert.equal(await reads(hub, one.headers), 401)
})

test('a session ends after 30 days without use, and after 90 days of use', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const [idle, used] = [await signInWithKey(hub, hub.key('user')), await signInWithKey(hub, hub.key('user'))]
  clock.jump(29 * DAY_MS)
  assert.equal(await reads(hub, used.headers), 200)
  await hub.restart()
  clock.jump(2 * DAY_MS)
  assert.equal(await reads(hub, idle.headers), 401)
  assert.equal(await reads(hub, used.headers), 200)
  // A session that is created with another session does not live longer than it.
  const token = await makeToken(hub, { authorization: '', ...used.headers })
  const heir = await browserOf(await exchange(hub, token.token))
  clock.jump(29 * DAY_MS)
  for (const { headers } of [used, heir]) assert.equal(await reads(hub, headers), 200)
  clock.jump(29 * DAY_MS)
  for (const { headers } of [used, heir]) assert.equal(await reads(hub, headers), 200)
  clock.jump(2 * DAY_MS)
  for (const { headers } of [used, heir]) assert.equal(await reads(hub, headers), 401)
  assert.deepEqual(await sessionsOf(hub), [])
})

test('an open stream keeps its session in use, but not beyond its end', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const one = await signInWithKey(hub, hub.key('user'))
  const stream = await SseReader.open(`${hub.url}/api/stream`, one.headers)
  for (let day = 0; day < 88; day += 22) {
    clock.jump(22 * DAY_MS)
    clock.pass(10_000)
    await until(async () => (await sessionsOf(hub)).length === 1, { what: 'the session' })
  }
  assert.equal(stream.ended, false)
  clock.jump(3 * DAY_MS)
  clock.pass(10_000)
  await until(() => stream.ended, { what: 'the end of the stream' })
})

test('a key has at most 32 sessions, and the oldest ends', async (t) => {
  const hub = await TestHub.open(t)
  const [alice, bob] = [await makeKey(hub, 'alice', 'viewer'), await makeKey(hub, 'bob', 'viewer')]
  const other = await signInWithKey(hub, bob.key)
  const first = await signInWithKey(hub, alice.key)
  const stream = await SseReader.open(`${hub.url}/api/stream`, first.headers)
  const second = await signInWithKey(hub, alice.key)
  for (let n = 2; n < 32; n++) await signInWithKey(hub, alice.key)
  assert.equal(await reads(hub, first.headers), 200)
  await signInWithKey(hub, alice.key)
  assert.equal(await reads(hub, first.headers), 401)
  await until(() => stream.ended, { what: 'the end of the stream' })
  for (const { headers } of [second, other]) assert.equal(await reads(hub, headers), 200)
  assert.equal((await sessionsOf(hub, bearer(alice.key))).length, 32)
})

test('neither the disk, the log, nor a list has a secret of a session', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await makeToken(hub)
  const one = await browserOf(await exchange(hub, token, { 'user-agent': `Browser/1 ${'x'.repeat(1000)}` }))
  const secrets = [token, one.secret, one.cookie.split('=')[1]!]
  const path = join(hub.dir, 'sessions.json')
  const { entries } = await hub.api<AuditPage>('GET', '/api/audit')
  const texts = {
    file: readFileSync(path, 'utf8'),
    audit: JSON.stringify(entries),
    list: JSON.stringify(await sessionsOf(hub)),
  }
  for (const [where, text] of Object.entries(texts))
    for (const secret of secrets) assert.ok(!text.includes(secret), where)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const [listed] = await sessionsOf(hub)
  assert.ok(listed?.user_agent?.startsWith('Browser/1 xxx') && listed.user_agent.length < 220)
  assert.deepEqual(
    entries.map(({ by, action, outcome, from }) => [by, action, outcome, from]),
    [
      ['local', 'session:invite', 'ordered', '127.0.0.1'],
      ['local', 'session:invite', 'succeeded', '127.0.0.1'],
      ['local', 'session:create', 'ordered', '127.0.0.1'],
      ['local', 'session:create', 'succeeded', '127.0.0.1'],
    ],
  )
})

test('a damaged list of sessions is renamed, and people sign in again', async (t) => {
  const hub = await TestHub.open(t)
  const one = await signInWithKey(hub, hub.key('user'))
  await hub.restart()
  assert.equal(await reads(hub, one.headers), 200)
  await hub.stop()
  writeFileSync(join(hub.dir, 'sessions.json'), '{"version":1,"sessions":[{}]}')
  await hub.start()
  assert.equal(await reads(hub, one.headers), 401)
  assert.equal(await reads(hub, (await signInWithKey(hub, hub.key('user'))).headers), 200)
})
