import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { HUB_LIMITS } from '../../src/config/hub-limits.ts'
import { Audit, type Said } from '../../src/hub/audit/audit.ts'
import { Denials } from '../../src/hub/audit/denials.ts'
import { ROUTES } from '../../src/hub/registry/access.ts'
import { UserKeys } from '../../src/hub/registry/user-keys.ts'
import { Segments } from '../../src/hub/store/files/audit-segments.ts'
import { createLogger } from '../../src/platform/log.ts'
import {
  type AuditEntry,
  type AuditPage,
  type CommandError,
  type Enrolment,
  Limits,
  type NewKey,
  type Outcome,
} from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { LightServer } from '../support/light-server.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const as = (key: string) => ({ authorization: `Bearer ${key}` })

const make = (hub: TestHub, name: string, role: string) =>
  hub.api<NewKey & { key: string }>('POST', '/api/keys', { name, role })

const page = (hub: TestHub, query = '') => hub.api<AuditPage>('GET', `/api/audit?limit=1000${query}`)

/** Waits for entries after number `after`. */
const entries = (hub: TestHub, after: number, count: number): Promise<AuditEntry[]> =>
  until(
    async () => {
      const { entries } = await page(hub, `&after=${after}`)
      return entries.length >= count ? entries : undefined
    },
    { what: `${count} entries` },
  ) as Promise<AuditEntry[]>

/** Returns the parts of an entry that are the same in each run. */
const inShort = ({ by, action, outcome, code, agent_id, machine_id }: AuditEntry) =>
  [by, action, outcome, code, agent_id, machine_id].map((part) => part ?? '-').join(' ')

const files = (hub: TestHub) =>
  readdirSync(join(hub.dir, 'audit'))
    .sort()
    .map((name) => join(hub.dir, 'audit', name))

const onDisk = (hub: TestHub) =>
  files(hub)
    .map((path) => readFileSync(path, 'utf8'))
    .join('')

test('the audit log records who gave an order, from where, on which object, and the outcome', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.settled()
  const [alice, bob] = [await make(hub, 'alice', 'operator'), await make(hub, 'bob', 'viewer')]
  const { next } = await page(hub)

  const prompt = { command_id: 'c-1', content: 'Fix it.', by: 'somebody else' }
  const asked = hub.request('POST', '/api/agents/a/prompt', prompt, as(alice.key))
  const command = await daemon.command('agent:prompt')
  assert.equal(command.by, 'alice')
  daemon.answer(command, { prompt_id: '00000000-0000-4000-8000-000000000000' })
  assert.equal(((await (await asked).json()) as Outcome).by, 'alice')
  await hub.request('POST', '/api/agents/a/prompt', prompt, as(alice.key))

  const interrupt = hub.request('POST', '/api/agents/a/interrupt', {}, as(alice.key))
  const { type, command_id } = await daemon.command('agent:interrupt')
  daemon.send({ type: `${type}:result`, command_id, ok: false, error: { code: 'draining', message: 'No.' } })
  assert.equal((await interrupt).status, 422)
  await hub.request('POST', '/api/agents/none/stop', {}, as(alice.key))
  await hub.request('POST', '/api/agents/a/stop', {}, as(bob.key))
  await hub.request('PATCH', '/api/machines/m-1', { name: 'one' })
  await hub.request('GET', '/api/keys', undefined, as('fuk_wrong'))

  const noted = await entries(hub, next, 10)
  assert.deepEqual(noted.map(inShort), [
    'alice agent:prompt ordered - a m-1',
    'alice agent:prompt succeeded - a m-1',
    'alice agent:prompt repeated - a m-1',
    'alice agent:interrupt ordered - a m-1',
    'alice agent:interrupt failed draining a m-1',
    'alice agent:stop refused agent_not_found none -',
    'bob agent:stop refused forbidden a -',
    'local machine:rename ordered - - m-1',
    'local machine:rename succeeded - - m-1',
    '- GET /api/keys refused unauthorized - -',
  ])
  const [ordered, succeeded] = noted
  const { at: _at, n, ...rest } = ordered!
  assert.deepEqual(rest, {
    by: 'alice',
    key_id: alice.key_id,
    role: 'operator',
    from: '127.0.0.1',
    action: 'agent:prompt',
    machine_id: 'm-1',
    agent_id: 'a',
    command_id: 'c-1',
    outcome: 'ordered',
    details: { content: 'Fix it.' },
  })
  assert.deepEqual([succeeded?.n, succeeded?.command_id], [n + 1, 'c-1'])
  assert.equal(noted[8]?.of, noted[7]?.n)
  assert.deepEqual(
    (await page(hub, '&by=bob')).entries.map(({ action }) => action),
    ['agent:stop'],
  )
  assert.equal((await hub.request('GET', '/api/audit', undefined, as(alice.key))).status, 403)
})

test('every request with an effect leaves an entry in the audit log', async (t) => {
  const hub = await TestHub.open(t)
  for (const [route, { order, role }] of Object.entries(ROUTES)) {
    if (order === undefined || role === 'anyone') continue
    const { next } = await page(hub)
    const [method = '', path = ''] = route.split(' ')
    await hub.request(method, path.replace(/:\w+/g, 'none'), method === 'DELETE' ? undefined : {})
    const [entry] = await entries(hub, next, 1)
    assert.deepEqual([entry?.by, entry?.action], ['local', order], route)
  }
})

test('an enrolling machine is recorded once, however often it retries', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', { name: 'build-7' })
  const { next } = await page(hub)
  const enroll = (token: string) =>
    hub.request('POST', '/enroll', { token, key_sha256: '1'.repeat(64), hostname: 'h', machine_id: 'm-7' })
  for (let i = 0; i < 5; i++) assert.equal((await enroll(token)).status, 200)
  for (let i = 0; i < 5; i++) assert.equal((await enroll('fet_wrong')).status, 401)
  const { entries } = await page(hub, `&after=${next}`)
  assert.deepEqual(entries.map(inShort), [
    '- machine:enroll ordered - - m-7',
    '- machine:enroll succeeded - - m-7',
    '- machine:enroll refused token_invalid - -',
  ])
  assert.deepEqual(entries[0]?.details, { name: 'build-7', hostname: 'h', key_id: '1'.repeat(12) })
})

test('an enrolling machine is recorded before it is accepted, with any kind of key', async (t) => {
  const hub = await TestHub.open(t)
  const enroll = async (name: string, digit: string) => {
    const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', { name })
    return () => hub.request('POST', '/enroll', { token, key_sha256: digit.repeat(64), hostname: 'h' })
  }
  assert.equal((await (await enroll('one', '1'))()).status, 200)
  const { next } = await page(hub)
  const [known, unknown] = [await enroll('two', '1'), await enroll('three', '2')]
  assert.equal((await known()).status, 200)
  const noted = (await page(hub, `&after=${next}&action=machine:enroll`)).entries
  assert.deepEqual(
    noted.map(({ outcome, details }) => [outcome, details?.key_id]),
    [
      ['ordered', '1'.repeat(12)],
      ['succeeded', '1'.repeat(12)],
    ],
  )
  const writable = await unwritable(hub)
  const refused = await unknown()
  assert.deepEqual([refused.status, await codeOf(refused)], [507, 'audit_unwritable'])
  assert.ok(!readFileSync(join(hub.dir, 'keys.json'), 'utf8').includes('2'.repeat(64)))
  writable()
  assert.equal((await unknown()).status, 200)
})

test('only one of several machines that enroll with one token at once is accepted and recorded', async (t) => {
  const hub = await TestHub.open(t)
  const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', {})
  const enroll = (digit: string) =>
    hub.request('POST', '/enroll', { token, key_sha256: digit.repeat(64), hostname: 'h' })
  const answers = await Promise.all([...'12345'].map(enroll))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401, 401])
  const { entries } = await page(hub, '&action=machine:enroll')
  assert.deepEqual(
    entries.map(({ outcome }) => outcome),
    ['ordered', 'succeeded', 'refused'],
  )
})

test('an order is decided in one step after it is recorded: one of two starts of an agent is refused', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  const start = (command_id: string) =>
    hub.request('POST', '/api/agents?wait=0', { command_id, agent_id: 'a', spec: { cwd: '/tmp' } })
  const answers = await Promise.all(['c-1', 'c-2', 'c-3'].map(start))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 409, 409])
  await daemon.settled()
  assert.equal(daemon.ofType('agent:start').length, 1)
  const { entries } = await page(hub, '&action=agent:start')
  assert.equal(entries.filter(({ code }) => code === 'agent_exists').length, 2)
})

test('a command that is answered after a restart keeps the name of its sender', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.close()
  const alice = await make(hub, 'alice', 'operator')
  await hub.request('POST', '/api/agents/a/stop?wait=0', { command_id: 'c-9' }, as(alice.key))
  await hub.restart()
  const { next } = await page(hub)
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  const command = await again.command('agent:stop')
  assert.equal(command.by, 'alice')
  again.answer(command)
  const [entry] = await entries(hub, next, 1)
  assert.deepEqual([entry?.by, entry?.command_id, entry?.outcome], ['alice', 'c-9', 'succeeded'])
})

test('the audit log contains no secrets', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.settled()
  const alice = await make(hub, 'alice', 'admin')
  const rotated = (await (await hub.request('POST', `/api/keys/${alice.key_id}/rotate`)).json()) as NewKey & {
    key: string
  }
  const enrolment = await hub.api<Enrolment>('POST', '/api/enrolments', { name: 'b' })
  const machine = await hub.enroll('c')
  const spec = {
    cwd: '/tmp',
    prompt: `Say hello. ${'x'.repeat(5000)}`,
    env: { API_TOKEN: 'S3CRET-ENV' },
    mcp_servers: { files: { headers: { authorization: 'S3CRET-MCP' } } },
    api_key: 'S3CRET-UNKNOWN',
  }
  const { next } = await page(hub)
  await hub.request('POST', '/api/agents?wait=0', {
    command_id: 'c-1',
    agent_id: 'b',
    spec,
    key: 'S3CRET-KEY',
  })
  await hub.request('POST', '/api/agents/a/answer?wait=0', {
    request_id: 'r',
    answers: { 'Password?': 'S3CRET-ANSWER' },
  })
  await hub.request('POST', '/api/keys', { name: 'x', role: 'S3CRET'.repeat(50), key: 'S3CRET-KEY' })
  const noted = await entries(hub, next, 4)
  const details = noted[0]?.details?.spec as Record<string, unknown>
  assert.deepEqual(Object.keys(details.env as object), ['API_TOKEN'])
  assert.match(String(details.prompt), /^Say hello\. x{189}… \(5011 characters\)$/)
  const text = onDisk(hub)
  for (const secret of ['S3CRET', alice.key, rotated.key, enrolment.token, machine, hub.key('user')])
    assert.ok(!text.includes(secret), secret)
  for (const path of files(hub)) assert.equal(statSync(path).mode & 0o077, 0)
})

/** Makes the log unwritable. @returns a function that restores it */
async function unwritable(hub: TestHub): Promise<() => void> {
  // By then, all entries are on the disk.
  await page(hub)
  const [path = ''] = files(hub)
  renameSync(path, `${path}.away`)
  mkdirSync(path)
  return () => {
    rmdirSync(path)
    renameSync(`${path}.away`, path)
  }
}

const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code

test('no order is carried out if the audit log cannot be written', async (t) => {
  const hub = await TestHub.open(t)
  await make(hub, 'alice', 'viewer')
  const { next } = await page(hub)
  const writable = await unwritable(hub)
  const refused = await hub.request('POST', '/api/keys', { name: 'bob', role: 'admin' })
  assert.deepEqual([refused.status, await codeOf(refused)], [507, 'audit_unwritable'])
  writable()
  await make(hub, 'carol', 'viewer')
  const { keys } = await hub.api<{ keys: NewKey[] }>('GET', '/api/keys')
  assert.deepEqual(
    keys.map(({ name }) => name).filter((name) => name !== 'local'),
    ['alice', 'carol'],
  )
  const noted = await entries(hub, next, 4)
  assert.deepEqual(
    noted.map(({ outcome, code, details }) => [outcome, code, details?.name]),
    [
      ['ordered', undefined, 'bob'],
      ['refused', 'audit_unwritable', 'bob'],
      ['ordered', undefined, 'carol'],
      ['succeeded', undefined, undefined],
    ],
  )
  assert.deepEqual(
    noted.map(({ n }) => n - next),
    [1, 2, 3, 4],
  )
})

test('an order that the disk refuses fails with a remedy', async (t) => {
  const hub = await TestHub.open(t)
  const { next } = await page(hub)
  t.mock.method(UserKeys.prototype, 'make', () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  })
  const answer = await hub.request('POST', '/api/keys', { name: 'bob', role: 'admin' })
  const { error } = (await answer.json()) as { error: CommandError }
  assert.deepEqual([answer.status, error.code], [507, 'disk_full'])
  assert.match(error.remedy ?? '', /^Free space on the disk/)
  const noted = await entries(hub, next, 2)
  assert.deepEqual([noted[1]?.outcome, noted[1]?.code], ['failed', 'disk_full'])
})

/** A separate log in an empty folder. */
function logIn(t: TestContext) {
  const dir = tempDir(t)
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  const audit = new Audit(dir, { limits: HUB_LIMITS.audit, clock: new ManualClock(), logger })
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

test('an order that is refused before it is read is recorded too', async (t) => {
  const hub = await TestHub.open(t)
  const { next } = await page(hub)
  const begin = (path: string, bytes: number) => {
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${hub.key('user')}\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n{`
    const socket = connect(hub.port, '127.0.0.1', () => socket.write(head))
    socket.on('error', () => {})
    t.after(() => socket.destroy())
  }
  const isNoted = (wanted: string) =>
    until(async () => (await page(hub, `&after=${next}`)).entries.map(inShort).includes(wanted), {
      what: wanted,
    })
  begin('/api/agents/a/prompt', Limits.frame_bytes + 1)
  await isNoted('local agent:prompt refused too_large a -')
  begin('/api/keys', Limits.frame_bytes + 1)
  await isNoted('local key:create refused too_large - -')
  // Incomplete bodies use up one key's share of the space for arriving bodies.
  for (let n = 0; n < 5; n++) begin('/api/machines/m-1/check', Limits.frame_bytes)
  await isNoted('local machine:check refused busy - m-1')
})

test('the audit log is bounded, and says what it has dropped', async (t) => {
  const limits = { bytes: 2000, files: 3 }
  const hub = await TestHub.open(t, { audit: limits })
  for (let i = 0; i < 60; i++) await hub.request('DELETE', `/api/enrolments/t-${i}`)
  await hub.restart()
  await hub.request('DELETE', '/api/enrolments/last')
  const { first, entries } = await page(hub)
  assert.ok(first > 60)
  assert.deepEqual(
    entries.map(({ n }) => n),
    entries.map((_, at) => first + at),
  )
  assert.ok(onDisk(hub).length < 2 * limits.bytes * limits.files)
  assert.ok(files(hub).length <= limits.files)
  const told = entries.filter(({ action }) => action === 'audit:rotate').at(-1)
  assert.equal(told?.details?.to, first - 1)
})

test('an audit log over a newly lowered limit is shortened at the next entry', async (t) => {
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
  await make(smaller, 'alice', 'viewer')
  const { first, entries } = await page(smaller)
  assert.ok(first > 300, String(first))
  assert.ok(onDisk(smaller).length < 20_000)
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
    const found = await page(hub, query)
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
      // Some work, like parsing the entries.
      const end = performance.now() + 2
      while (performance.now() < end);
      assert.ok(lines.length <= 1000)
    }
    assert.equal(read, count)
    assert.ok(turns - before > 10, String(turns - before))
  }
})

test('an entry that a crash has torn is cut off, and the next entry gets its number', async (t) => {
  const hub = await TestHub.open(t)
  await make(hub, 'alice', 'viewer')
  await hub.stop()
  const [path = ''] = files(hub)
  const lines = readFileSync(path, 'utf8').split('\n').length - 1
  appendFileSync(path, '{"n":3,"at":"20')
  await hub.start()
  await make(hub, 'bob', 'viewer')
  assert.deepEqual(
    (await page(hub)).entries.map(({ n }) => n),
    Array.from({ length: lines + 2 }, (_, at) => at + 1),
  )
})

test('refused or repeated orders cannot displace the record of real orders', async (t) => {
  const hub = await TestHub.open(t, { audit: { bytes: 2000, files: 4 } })
  const daemon = await hub.daemon({ machine_id: 'm-1', capabilities: ['agent:stop'] })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.settled()
  const alice = await make(hub, 'alice', 'operator')
  const ask = async (order: string, body: object = {}) =>
    (await hub.request('POST', `/api/agents/${order}?wait=0`, body, as(alice.key))).status
  assert.equal(await ask('a/stop', { command_id: 'c-1' }), 202)
  daemon.answer(await daemon.command('agent:stop'))
  for (let i = 0; i < 50; i++) {
    assert.equal(await ask(`none-${i}/stop`), 404)
    assert.equal(await ask('a/stop', { command_id: 'c-1' }), 200)
    assert.equal(await ask('a/prompt', { content: 'x', command_id: `c-2-${i}` }), 409)
  }
  await hub.restart()
  const { entries, first } = await page(hub)
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

/** A separate record of attempts, and the entries made for them. */
function denialsOf() {
  const noted: Said[] = []
  const denials = new Denials((said) => noted.push(said), new ManualClock())
  const attempt = (said: Partial<Said>) =>
    denials.add({ action: 'GET /api/agents', outcome: 'refused', code: 'unauthorized', ...said })
  return { noted, denials, attempt }
}

test('refused attempts cannot displace the record of real orders', () => {
  const { noted, denials, attempt } = denialsOf()
  for (let i = 0; i < 1000; i++) {
    attempt({ from: '10.0.0.1' })
    attempt({ from: `10.1.0.${i}` })
  }
  assert.equal(noted.length, 20)
  denials.flush()
  assert.deepEqual(
    noted.slice(20).map(({ from, times, action }) => [from, times, action]),
    [
      ['10.0.0.1', 999, 'GET /api/agents'],
      [undefined, 981, 'others'],
    ],
  )
})

test('many kinds of attempts with one key hide none of another key', () => {
  const { noted, denials, attempt } = denialsOf()
  for (let i = 0; i < 100; i++) attempt({ by: 'bob', key_id: 'b', action: `agent:x${i}` })
  attempt({ by: 'alice', key_id: 'a', code: 'forbidden' })
  attempt({ from: '10.0.0.1' })
  denials.flush()
  assert.deepEqual(
    noted.slice(20).map(({ by, action, code, times }) => [by, action, code, times]),
    [
      ['alice', 'GET /api/agents', 'forbidden', undefined],
      [undefined, 'GET /api/agents', 'unauthorized', undefined],
      ['bob', 'others', 'unauthorized', 80],
    ],
  )
})

test('the machine’s log names who gave an order, without terminal controls', async (t) => {
  const server = await LightServer.open(t)
  const stage = await Stage.open(t)
  const daemon = server.daemon(stage)
  const caller = await server.caller()
  await caller.welcome()
  await caller.command('machine:check', { by: 'alice\u001b[31m' })
  await until(() => /command received.*type=machine:check.*by=alice\\u001b\[31m/.test(daemon.log()), {
    what: 'the order in the log',
  })
})

test('commands make a key with a role, and show the orders given with it', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const file = join(stage.dir, 'alice.key')
  const run = async (...args: string[]) => {
    const running = stage.run(args)
    return { code: await running.ended, said: running.log() }
  }
  const made = await run('hub', 'key', 'create', 'alice', '--role', 'operator', '--out', file)
  assert.equal(made.code, 0, made.said)
  const key = readFileSync(file, 'utf8').trim()
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!made.said.includes(key))
  assert.notEqual((await run('hub', 'key', 'create', 'bob', '--out', file)).code, 0)

  const alice = ['--hub', stage.hubUrl, '--hub-key-file', file]
  assert.equal((await run('agent', 'list', ...alice)).code, 0)
  const refused = await run('machine', 'add', ...alice)
  assert.match(refused.said, /needs a key with the role admin; alice has the role operator.*hub key create/s)
  await run('agent', 'start', '--id', 'a', ...alice)

  const shown = await run('hub', 'audit')
  assert.match(
    shown.said,
    /local \(127\.0\.0\.1\) {2}key:create {2}ordered {2}\{"name":"alice","role":"operator"\}/,
  )
  assert.match(shown.said, /alice \(127\.0\.0\.1\) {2}token:create {2}refused: forbidden/)
  assert.match(shown.said, /alice \(127\.0\.0\.1\) {2}agent:start {2}refused: no_machine/)
  const lines = (await run('hub', 'audit', '--by', 'alice', '-n', '1', '--json')).said.trim().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as AuditEntry).action),
    ['agent:start'],
  )
  const listed = await run('hub', 'key', 'list')
  assert.match(listed.said, /operator +alice/)
  assert.equal((await run('hub', 'key', 'revoke', 'alice')).code, 0)
  assert.match((await run('agent', 'list', ...alice)).said, /refused the key/)
})
