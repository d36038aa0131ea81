import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROUTES } from '../../src/hub/http/access.ts'
import {
  type AuditEntry,
  type Enrolment,
  Limits,
  type NewKey,
  type Outcome,
} from '../../src/protocol/index.ts'
import { auditEntries, auditFiles, auditPage, auditText, inShort } from '../support/audit.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { LightServer } from '../support/light-server.ts'
import { bearer, makeKey } from '../support/role-keys.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

test('the audit log records the sender of an order, the address, the object, and the outcome', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.settled()
  const [alice, bob] = [await makeKey(hub, 'alice', 'operator'), await makeKey(hub, 'bob', 'viewer')]
  const { next } = await auditPage(hub)

  const prompt = { command_id: 'c-1', content: 'Fix it.', by: 'somebody else' }
  const asked = hub.request('POST', '/api/agents/a/prompt', prompt, bearer(alice.key))
  const command = await daemon.command('agent:prompt')
  assert.equal(command.by, 'alice')
  daemon.answer(command, { prompt_id: '00000000-0000-4000-8000-000000000000' })
  assert.equal(((await (await asked).json()) as Outcome).by, 'alice')
  await hub.request('POST', '/api/agents/a/prompt', prompt, bearer(alice.key))

  const interrupt = hub.request('POST', '/api/agents/a/interrupt', {}, bearer(alice.key))
  const { type, command_id } = await daemon.command('agent:interrupt')
  daemon.send({ type: `${type}:result`, command_id, ok: false, error: { code: 'draining', message: 'No.' } })
  assert.equal((await interrupt).status, 422)
  await hub.request('POST', '/api/agents/none/stop', {}, bearer(alice.key))
  await hub.request('POST', '/api/agents/a/stop', {}, bearer(bob.key))
  await hub.request('PATCH', '/api/machines/m-1', { name: 'one' })
  await hub.request('GET', '/api/keys', undefined, bearer('fuk_wrong'))

  const noted = await auditEntries(hub, next, 10)
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
    (await auditPage(hub, '&by=bob')).entries.map(({ action }) => action),
    ['agent:stop'],
  )
  assert.equal((await hub.request('GET', '/api/audit', undefined, bearer(alice.key))).status, 403)
})

test('every request with an effect leaves an entry in the audit log', async (t) => {
  const hub = await TestHub.open(t)
  for (const [route, { order, role }] of Object.entries(ROUTES)) {
    if (order === undefined || role === 'anyone') continue
    const { next } = await auditPage(hub)
    const [method = '', path = ''] = route.split(' ')
    await hub.request(method, path.replace(/:\w+/g, 'none'), method === 'DELETE' ? undefined : {})
    const [entry] = await auditEntries(hub, next, 1)
    assert.deepEqual([entry?.by, entry?.action], ['local', order], route)
  }
})

test('a command that is answered after a restart keeps the name of its sender', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.close()
  const alice = await makeKey(hub, 'alice', 'operator')
  await hub.request('POST', '/api/agents/a/stop?wait=0', { command_id: 'c-9' }, bearer(alice.key))
  await hub.restart()
  const { next } = await auditPage(hub)
  const again = await hub.daemon({ machine_id: 'm-1', agents: [statusOf('a')] })
  const command = await again.command('agent:stop')
  assert.equal(command.by, 'alice')
  again.answer(command)
  const [entry] = await auditEntries(hub, next, 1)
  assert.deepEqual([entry?.by, entry?.command_id, entry?.outcome], ['alice', 'c-9', 'succeeded'])
})

test('the audit log contains no secrets', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ machine_id: 'm-1' })
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await daemon.settled()
  const alice = await makeKey(hub, 'alice', 'admin')
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
  const { next } = await auditPage(hub)
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
  const noted = await auditEntries(hub, next, 4)
  const details = noted[0]?.details?.spec as Record<string, unknown>
  assert.deepEqual(Object.keys(details.env as object), ['API_TOKEN'])
  assert.match(String(details.prompt), /^Say hello\. x{189}… \(5011 characters\)$/)
  const text = auditText(hub)
  for (const secret of ['S3CRET', alice.key, rotated.key, enrolment.token, machine, hub.key('user')])
    assert.ok(!text.includes(secret), secret)
  for (const path of auditFiles(hub)) assert.equal(statSync(path).mode & 0o077, 0)
})

test('an order that is refused before its body is read is also recorded', async (t) => {
  const hub = await TestHub.open(t)
  const { next } = await auditPage(hub)
  const begin = (path: string, bytes: number) => {
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${hub.key('user')}\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n{`
    const socket = connect(hub.port, '127.0.0.1', () => socket.write(head))
    socket.on('error', () => {})
    t.after(() => socket.destroy())
  }
  const isNoted = (wanted: string) =>
    until(async () => (await auditPage(hub, `&after=${next}`)).entries.map(inShort).includes(wanted), {
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

test('the machine’s log names the sender of an order, without terminal controls', async (t) => {
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

test('commands make a key with a role, and show the orders that were given with that key', async (t) => {
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
