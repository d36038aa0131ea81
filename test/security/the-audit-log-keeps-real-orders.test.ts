import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { HUB_LIMITS } from '../../src/config/hub-limits.ts'
import { Audit, type Said } from '../../src/hub/audit/audit.ts'
import { Segments } from '../../src/hub/store/files/audit-segments.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { NewSession } from '../../src/protocol/index.ts'
import { auditFiles, auditPage, auditText } from '../support/audit.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bearer, makeKey } from '../support/role-keys.ts'
import { exchange, makeToken } from '../support/sessions.ts'
import { tempDir } from '../support/temp.ts'

/** Opens a separate audit log in an empty folder. */
function logIn(t: TestContext) {
  const dir = tempDir(t)
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  const log = new Segments(dir, HUB_LIMITS.audit)
  const audit = new Audit({ log, clock: new ManualClock(), logger })
  return { dir, audit, page: () => audit.page({ after: 0, limit: 10_000, filter: {} }) }
}

const outcomeOf = (command_id: string): Said => ({
  by: 'alice',
  action: 'agent:prompt',
  machine_id: 'm-1'.repeat(30),
  agent_id: 'a',
  command_id,
  outcome: 'failed',
  code: 'machine_not_found',
})

test('the audit log loses nothing on a healthy disk under load', async (t) => {
  const { audit, page } = logIn(t)
  const count = 4000
  for (let n = 0; n < count; n++) audit.note(outcomeOf(`c-${n}`))
  const orders = Array.from({ length: 20 }, () => audit.order({ by: 'bob', action: 'agent:stop' }))
  assert.equal(new Set(await Promise.all(orders)).size, 20)
  const { entries } = await page()
  assert.equal(entries.filter(({ by }) => by === 'alice').length, count)
  assert.equal(entries.length, count + 20)
})

test('entries that a failing disk loses are counted, with the reason', async (t) => {
  const { dir, audit, page } = logIn(t)
  const path = join(dir, '000000000001.jsonl')
  mkdirSync(path)
  await assert.rejects(audit.order({ by: 'bob', action: 'agent:stop' }), { status: 507 })
  const count = 4000
  for (let n = 0; n < count; n++) audit.note(outcomeOf(`c-${n}`))
  await assert.rejects(audit.order({ by: 'bob', action: 'agent:stop' }), { status: 507 })
  rmdirSync(path)
  await audit.order({ by: 'bob', action: 'agent:resume' })
  const { entries } = await page()
  const kept = entries.filter(({ by }) => by === 'alice').length
  const lost = entries.filter(({ action }) => action === 'audit:lose')
  assert.ok(kept > 100 && kept < count, String(kept))
  assert.deepEqual(
    lost.map(({ code, times }) => [code, times]),
    [['audit_unwritable', count - kept]],
  )
  assert.equal(entries.filter(({ action }) => action === 'agent:resume').length, 1)
})

test('the size of the audit log is limited, and the log reports which entries were dropped', async (t) => {
  const limits = { bytes: 2000, files: 3 }
  const hub = await TestHub.open(t, { audit: limits })
  for (let i = 0; i < 60; i++) await hub.request('DELETE', `/api/enrolments/t-${i}`)
  await hub.restart()
  await hub.request('DELETE', '/api/enrolments/last')
  const { first, entries } = await auditPage(hub)
  assert.ok(first > 60)
  assert.deepEqual(
    entries.map(({ n }) => n),
    entries.map((_, at) => first + at),
  )
  assert.ok(auditText(hub).length < 2 * limits.bytes * limits.files)
  assert.ok(auditFiles(hub).length <= limits.files)
  const told = entries.filter(({ action }) => action === 'audit:rotate').at(-1)
  assert.equal(told?.details?.to, first - 1)
})

test('an audit log that exceeds a newly lowered limit is shortened at the next entry', async (t) => {
  const hub = await TestHub.open(t)
  await hub.stop()
  const line = (n: number) =>
    `${JSON.stringify({ n, at: '', action: 'key:create', outcome: 'ordered', details: { x: 'x'.repeat(900) } })}\n`
  for (let file = 0; file < 4; file++)
    writeFileSync(
      join(hub.dir, 'audit', `${String(file * 100 + 1).padStart(12, '0')}.jsonl`),
      Array.from({ length: 100 }, (_, at) => line(file * 100 + at + 1)).join(''),
    )
  const smaller = await TestHub.open(t, { dir: hub.dir, audit: { bytes: 10_000, files: 4 } })
  await makeKey(smaller, 'alice', 'viewer')
  const { first, entries } = await auditPage(smaller)
  assert.ok(first > 300, String(first))
  assert.ok(auditText(smaller).length < 20_000)
  assert.equal(entries.find(({ action }) => action === 'audit:rotate')?.details?.from, 1)
})

test('the hub keeps serving during a search for rare entries in a long audit log', async (t) => {
  const hub = await TestHub.open(t)
  await hub.stop()
  const count = 40_000
  const line = (n: number) =>
    JSON.stringify({ n, at: '', by: n === 7 ? 'rare' : 'alice', action: 'key:create', outcome: 'ordered' })
  writeFileSync(
    join(hub.dir, 'audit', '000000000001.jsonl'),
    Array.from({ length: count }, (_, at) => `${line(at + 1)}\n`).join(''),
  )
  await hub.start()
  for (const query of ['&by=rare', '&by=rare&after=0', '&action=agent:start', '&by=al']) {
    const found = await auditPage(hub, query)
    assert.deepEqual(
      found.entries.map(({ n }) => n),
      query.includes('rare') ? [7] : [],
    )
    assert.equal(found.next, count)
  }
  let turns = 0
  const spin = setInterval(() => turns++, 0)
  t.after(() => clearInterval(spin))
  const segments = new Segments(join(hub.dir, 'audit'), HUB_LIMITS.audit)
  for (const all of [segments.read(1), segments.readBack()]) {
    let read = 0
    const before = turns
    for await (const lines of all) {
      read += lines.length
      // Simulate the work of parsing the entries.
      const end = performance.now() + 2
      while (performance.now() < end);
      assert.ok(lines.length <= 1000)
    }
    assert.equal(read, count)
    assert.ok(turns - before > 10, String(turns - before))
  }
})

test('an entry that a crash has left incomplete is cut off, and the next entry gets its number', async (t) => {
  const hub = await TestHub.open(t)
  await makeKey(hub, 'alice', 'viewer')
  await hub.stop()
  const [path = ''] = auditFiles(hub)
  const lines = readFileSync(path, 'utf8').split('\n').length - 1
  appendFileSync(path, '{"n":3,"at":"20')
  await hub.start()
  await makeKey(hub, 'bob', 'viewer')
  assert.deepEqual(
    (await auditPage(hub)).entries.map(({ n }) => n),
    Array.from({ length: lines + 2 }, (_, at) => at + 1),
  )
})

test('records of refused or repeated orders cannot displace the records of real orders', async (t) => {
  const hub = await TestHub.open(t, { audit: { bytes: 2000, files: 4 } })
  const daemon = await hub.daemon({ machine_id: 'm-1', capabilities: ['agent:stop'] })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.settled()
  const alice = await makeKey(hub, 'alice', 'operator')
  const ask = async (order: string, body: object = {}) =>
    (await hub.request('POST', `/api/agents/${order}?wait=0`, body, bearer(alice.key))).status
  assert.equal(await ask('a/stop', { command_id: 'c-1' }), 202)
  daemon.answer(await daemon.command('agent:stop'))
  for (let i = 0; i < 50; i++) {
    assert.equal(await ask(`none-${i}/stop`), 404)
    assert.equal(await ask('a/stop', { command_id: 'c-1' }), 200)
    assert.equal(await ask('a/prompt', { content: 'x', command_id: `c-2-${i}` }), 409)
  }
  await hub.restart()
  const { entries, first } = await auditPage(hub)
  assert.equal(first, 1)
  assert.deepEqual(
    entries
      .filter(({ by }) => by === 'alice')
      .map(({ action, outcome, code, times, agent_id }) => [action, outcome, code, times, agent_id]),
    [
      ['agent:stop', 'ordered', undefined, undefined, 'a'],
      ['agent:stop', 'succeeded', undefined, undefined, 'a'],
      ['agent:stop', 'refused', 'agent_not_found', undefined, 'none-0'],
      ['agent:stop', 'repeated', undefined, undefined, 'a'],
      ['agent:prompt', 'refused', 'unsupported', undefined, 'a'],
      ['agent:stop', 'refused', 'agent_not_found', 49, undefined],
      ['agent:stop', 'repeated', undefined, 49, 'a'],
      ['agent:prompt', 'refused', 'unsupported', 49, 'a'],
    ],
  )
})

test('records of the orders of people with few rights cannot displace the records of other orders', async (t) => {
  const hub = await TestHub.open(t, { audit: { bytes: 16_000, files: 8 } })
  const vic = await makeKey(hub, 'vic', 'viewer')
  const ask = async (method: string, path: string, body?: object) => {
    const answer = await hub.request(method, path, body, bearer(vic.key))
    await answer.body?.cancel()
    return answer.status
  }
  const floods: [string, (n: number) => Promise<number>][] = [
    ['session:create', () => ask('POST', '/api/sessions')],
    ['session:end', (n) => ask('DELETE', `/api/sessions/none-${n}`)],
    ['session:invite', () => ask('POST', '/api/sign-in-tokens')],
    ['push:configure', () => ask('PATCH', '/api/push', { kinds: ['failed'] })],
    ['push:subscribe', (n) => ask('POST', '/api/push/subscriptions', { endpoint: `https://127.0.0.1/${n}` })],
    ['push:unsubscribe', (n) => ask('DELETE', `/api/push/subscriptions/none-${n}`)],
  ]
  for (const [, flood] of floods) for (let n = 0; n < 200; n++) await flood(n)
  assert.equal(await ask('POST', '/api/sessions'), 429)
  await hub.restart()
  const { entries, first } = await auditPage(hub)
  assert.equal(first, 1)
  assert.equal(entries.find(({ target }) => target === vic.key_id)?.action, 'key:create')
  const refused = entries.filter(({ by, code }) => by === 'vic' && code === 'too_many_orders')
  assert.deepEqual(
    [...new Set(refused.map(({ action }) => action))].sort(),
    floods.map(([action]) => action).sort(),
  )
  // Nobody else is refused.
  const other = await makeKey(hub, 'val', 'viewer')
  assert.equal((await hub.request('POST', '/api/sessions', undefined, bearer(other.key))).status, 201)
  for (let n = 0; n < 200; n++) assert.equal((await hub.request('POST', '/api/sessions')).status, 201)
})

test('a person with few rights can end sessions after too many sign-ins, and sign in again after some time', async (t) => {
  const clock = new ManualClock()
  const hub = await TestHub.open(t, { clock })
  const vic = await makeKey(hub, 'vic', 'viewer')
  const signIn = () => hub.request('POST', '/api/sessions', undefined, bearer(vic.key))
  const { session } = (await (await signIn()).json()) as NewSession
  for (let n = 0; n < 63; n++) assert.equal((await signIn()).status, 201)
  const { status, headers } = await signIn()
  const waitS = Number(headers.get('retry-after'))
  assert.ok(status === 429 && waitS > 0 && waitS <= 900, `${status} ${waitS}`)
  const { token } = await makeToken(hub)
  assert.equal((await exchange(hub, token)).status, 201, 'a link of an admin')
  const path = `/api/sessions/${session.session_id}`
  assert.equal(
    (await hub.request('DELETE', path, undefined, bearer(vic.key))).status,
    404,
    'the oldest ended',
  )
  clock.pass(900_000)
  assert.equal((await signIn()).status, 201)
  assert.equal((await signIn()).status, 429)
})
