import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startHub } from '../../src/hub/hub.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { createLogger } from '../../src/platform/log.ts'
import { CloseCode, type HubAgent, Limits } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, helloOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** Number of simulated seconds per real second for the hub. */
const HASTE = 40
const hasty: Clock = {
  now: Date.now,
  monotonic: () => performance.now() * HASTE,
  setTimeout: (run, ms) => setTimeout(run, ms / HASTE),
  clearTimeout: (timer) => clearTimeout(timer),
}

test('keys are created once, readable only by their owner, and stored as hashes', async (t) => {
  const hub = await TestHub.open(t)
  const files = ['machine.key', 'user.key', 'keys.json', 'hub.json']
  for (const file of files) assert.equal(statSync(`${hub.dir}/${file}`).mode & 0o777, 0o600, file)
  assert.equal(statSync(hub.dir).mode & 0o777, 0o700)
  const [machine, user] = [hub.key('machine'), hub.key('user')]
  assert.match(machine, /^fmk_[\w-]{43}$/)
  assert.match(user, /^fuk_[\w-]{43}$/)
  const kept = readFileSync(`${hub.dir}/keys.json`, 'utf8')
  assert.ok(!kept.includes(machine) && !kept.includes(user))
  await hub.restart()
  assert.deepEqual([hub.key('machine'), hub.key('user')], [machine, user])
})

test('a machine needs the machine key and the correct path', async (t) => {
  const hub = await TestHub.open(t)
  await assert.rejects(LightDaemon.dial(hub.url, 'wrong'), /401/)
  await assert.rejects(LightDaemon.dial(hub.url, hub.key('user')), /401/)
  await assert.rejects(LightDaemon.dial(`${hub.url}/elsewhere`, hub.key('machine')), /404/)
  const daemon = await LightDaemon.dial(`${hub.url}/ws`, hub.key('machine'))
  await daemon.close()
})

test('a hub refuses to start on an open port without TLS, or with a folder or port in use', async (t) => {
  const hub = await TestHub.open(t)
  const options = { host: '127.0.0.1', port: 0, logger }
  await assert.rejects(startHub({ ...options, dir: tempDir(t), host: '0.0.0.0' }), {
    name: 'UserError',
    code: 'hub_insecure',
  })
  await assert.rejects(startHub({ ...options, dir: hub.dir }), (error: Error) =>
    new RegExp(`process ${process.pid}`).test(error.message),
  )
  await assert.rejects(startHub({ ...options, dir: tempDir(t), port: hub.port }), {
    name: 'UserError',
    code: 'port_in_use',
  })
})

test('the welcome contains the end of each journal', async (t) => {
  const hub = await TestHub.open(t)
  const first = await hub.daemon({ agents: [statusOf('a'), statusOf('b')] })
  assert.deepEqual(first.offsets, { a: 0, b: 0 })
  first.send(frameOf('a', 0, 100))
  await first.acknowledged('a', 100)
  await first.close()
  const second = await hub.daemon({ agents: [statusOf('a'), statusOf('b')] })
  assert.deepEqual(second.offsets, { a: 100, b: 0 })
})

test('the hub applies every greeting, but applies a status only if it is not older than the last one', async (t) => {
  const hub = await TestHub.open(t)
  const status = (revision: number, title: string) => statusOf('a', { revision, title })
  const title = async () => (await hub.api<HubAgent>('GET', '/api/agents/a')).title
  const first = await hub.daemon({ agents: [status(100, 'today')] })
  await first.close()
  // The state folder was restored from a backup.
  const second = await hub.daemon({ agents: [status(50, 'yesterday')] })
  assert.equal(await title(), 'yesterday')
  for (const each of [status(52, 'newer'), status(51, 'older')])
    second.send({ type: 'agent:status', ...each })
  await second.settled()
  assert.equal(await title(), 'newer')
})

test('a daemon with another protocol version is refused for that reason, even if its greeting has unknown fields', async (t) => {
  const hub = await TestHub.open(t)
  const old = await hub.dial()
  old.send({ type: 'machine:hello', protocol: { version: 0, minimum: 0 }, who: 'knows' })
  const refusal = await old.received('server:refuse')
  assert.equal(refusal.code, 'protocol_version')
  assert.equal(typeof refusal.update_to, 'string')
  assert.equal((await old.ended()).code, CloseCode.protocol_version)
  const young = await hub.dial()
  young.send({ type: 'machine:hello', protocol: { version: 9, minimum: 8 } })
  assert.equal((await young.received('server:refuse')).update_to, undefined)
  assert.equal((await young.ended()).code, CloseCode.protocol_version)
})

test('a newer daemon of the same machine replaces the older daemon', async (t) => {
  const hub = await TestHub.open(t)
  const older = await hub.daemon({ instance_id: 'older' })
  // This reason is too long for a close frame, and would be cut inside a two-byte character.
  const newer = await hub.daemon({ instance_id: 'newer', hostname: 'é'.repeat(100) })
  assert.equal((await older.received('server:refuse')).code, 'superseded')
  assert.equal((await older.ended()).code, CloseCode.superseded)
  await newer.settled()
  const { machines } = await hub.api<{ machines: { connected: boolean }[] }>('GET', '/api/machines')
  assert.deepEqual(
    machines.map(({ connected }) => connected),
    [true],
  )
})

test('an invalid message is answered with its error, and the link stays up', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const activity = frameOf('a', 0, 30)
  const { offset: _, ...torn } = activity.events[1]!
  const cases: [string | Buffer | object, object][] = [
    ['{"type":', { code: 'not_json' }],
    ['[1]', { code: 'invalid' }],
    ['{"no":"type"}', { code: 'invalid', path: 'type' }],
    [randomBytes(8), { code: 'not_text' }],
    ['x'.repeat(Limits.frame_bytes + 1), { code: 'too_large' }],
    [
      { ...activity, events: [torn] },
      { code: 'invalid', path: 'events.0.offset', of_type: 'agent:activity' },
    ],
    [
      { ...activity, from: 40 },
      { code: 'invalid', path: 'to' },
    ],
    [
      { ...activity, to: 20 },
      { code: 'invalid', path: 'events.2.offset' },
    ],
    [
      { ...activity, events: [...activity.events].reverse() },
      { code: 'invalid', path: 'events.1.offset' },
    ],
    [
      { type: 'agent:stop:result', command_id: 'c' },
      { code: 'invalid', command_id: 'c' },
    ],
    [helloOf(), { code: 'unexpected', of_type: 'machine:hello' }],
  ]
  for (const [n, [frame, expected]] of cases.entries()) {
    daemon.send(frame)
    const { type: _t, message: _m, ...error } = await daemon.received('protocol:error', n + 1)
    for (const [key, value] of Object.entries(expected))
      assert.equal(error[key], value, JSON.stringify(error))
  }
  daemon.send({ type: 'agent:dances', agent_id: 'a' })
  daemon.send(activity)
  await daemon.acknowledged('a', 30)
  assert.equal(daemon.ofType('protocol:error').length, cases.length)
})

test('the first message must be a greeting, and an error message is never answered with an error', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.dial()
  daemon.send(frameOf('a', 0, 10))
  assert.equal((await daemon.received('protocol:error')).code, 'unexpected')
  daemon.send({ type: 'protocol:error', code: 'invalid', message: 'no' })
  daemon.send({ type: 'machine:hello', protocol: { version: 1, minimum: 1 }, machine_id: '' })
  assert.equal((await daemon.received('protocol:error', 2)).of_type, 'machine:hello')
  daemon.send(helloOf())
  await daemon.received('server:welcome')
  assert.equal(daemon.ofType('protocol:error').length, 2)
})

test('20 faults in a row end the link', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon()
  for (let n = 0; n < 20; n++) daemon.send('nonsense')
  assert.equal((await daemon.ended()).code, CloseCode.protocol_error)
})

test('a peer that sends no greeting, or becomes silent, is disconnected', async (t) => {
  const hub = await TestHub.open(t, { clock: hasty })
  const mute = await hub.dial()
  assert.equal((await mute.ended()).code, CloseCode.timeout)
  const daemon = await hub.daemon()
  const silent = await hub.daemon({ machine_id: 'machine-2' })
  silent.socket.pause()
  const connected = async () =>
    (
      await hub.api<{ machines: { machine_id: string; connected: boolean }[] }>('GET', '/api/machines')
    ).machines
      .filter((machine) => machine.connected)
      .map(({ machine_id }) => machine_id)
  await until(async () => (await connected()).length === 1, { what: 'the silent peer to be disconnected' })
  assert.deepEqual(await connected(), ['machine-1'])
  assert.equal(daemon.closed, undefined)
})

test('a deeply nested event becomes unreadable, a deeply nested status is refused, and other machines are not affected', async (t) => {
  const hub = await TestHub.open(t)
  const other = await hub.daemon()
  const daemon = await hub.daemon({ machine_id: 'machine-2', agents: [statusOf('a')] })
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  const event = `{"kind":"unknown","offset":0,"index":0,"raw":${deep}}`
  daemon.send(`{"type":"agent:activity","agent_id":"a","from":0,"to":10,"events":[${event}]}`)
  await daemon.acknowledged('a', 10)
  assert.deepEqual(
    (await hub.events('a')).map(({ kind }) => kind),
    ['unreadable'],
  )
  const { machine } = helloOf()
  daemon.send(`${JSON.stringify({ type: 'machine:status', ...machine }).slice(0, -1)},"update":${deep}}`)
  assert.equal((await daemon.received('protocol:error')).of_type, 'machine:status')
  assert.equal((await hub.request('GET', '/api/machines')).status, 200)
  await other.settled()
})

test('a machine whose key is revoked is locked out, even while it is connected', async (t) => {
  const hub = await TestHub.open(t, { clock: hasty })
  const path = `${hub.dir}/keys.json`
  const { version, keys } = JSON.parse(readFileSync(path, 'utf8'))
  const daemon = await hub.daemon()
  await daemon.settled()
  writeFileSync(
    path,
    JSON.stringify({ version, keys: keys.filter((key: { role: string }) => key.role !== 'machine') }),
  )
  assert.equal((await daemon.received('server:refuse')).code, 'unauthorized')
  assert.equal((await daemon.ended()).code, CloseCode.unauthorized)
})

test('an unfinished handshake does not block the hub', async (t) => {
  const hub = await TestHub.open(t)
  const socket = connect(hub.port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nUpgr')
  const daemon = await hub.daemon()
  await daemon.settled()
  const big = connect(hub.port, '127.0.0.1')
  const answer = new Promise<string>((resolve) => big.once('data', (data) => resolve(String(data))))
  big.on('error', () => {})
  big.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(64 * 1024)}\r\n`)
  assert.match(await answer, /^HTTP\/1.1 431/)
  for (const each of [socket, big]) each.destroy()
})

test('a rejected client cannot keep its connection open', async (t) => {
  const hub = await TestHub.open(t)
  const socket = connect({ port: hub.port, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => void socket.destroy())
  // The hub resets the connection on the next write. A half-open connection would accept the write.
  const reset = new Promise((resolve) => socket.once('error', resolve))
  const upgrade = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket']
  socket.write(`GET /ws HTTP/1.1\r\n${upgrade.join('\r\n')}\r\n\r\n`)
  const answer: Buffer[] = []
  socket.on('data', (data) => answer.push(data))
  await new Promise((resolve) => socket.once('end', resolve))
  assert.match(String(Buffer.concat(answer)), /^HTTP\/1.1 401/)
  const writing = setInterval(() => socket.write('x'), 10)
  t.after(() => clearInterval(writing))
  assert.match(String(await reset), /ECONNRESET|EPIPE/)
})

test('keys are added and revoked while the hub runs, and a deleted key file is replaced with a new key', async (t) => {
  const hub = await TestHub.open(t)
  const path = `${hub.dir}/keys.json`
  const before = readFileSync(path, 'utf8')
  const sha256 = createHash('sha256').update('laptop-key').digest('hex')
  const entry = { role: 'machine', name: 'laptop', created_at: '2026-01-01T00:00:00.000Z', sha256 }
  const { version, keys } = JSON.parse(before)
  writeFileSync(path, JSON.stringify({ version, keys: [...keys, entry] }))
  await (await LightDaemon.dial(hub.url, 'laptop-key')).close()
  await (await LightDaemon.dial(hub.url, hub.key('machine'))).close()
  writeFileSync(path, before)
  await assert.rejects(LightDaemon.dial(hub.url, 'laptop-key'), /401/)
  // The hub does not change a half-edited file or a file from a newer version, and the keys stay unchanged.
  for (const text of [before.slice(0, -20), JSON.stringify({ version: 2, keys: [] })]) {
    writeFileSync(path, text)
    await assert.rejects(LightDaemon.dial(hub.url, 'nonsense'), /401/)
    await (await LightDaemon.dial(hub.url, hub.key('machine'))).close()
    assert.equal(readFileSync(path, 'utf8'), text)
  }
  writeFileSync(path, before)
  const old = hub.key('machine')
  await hub.stop()
  rmSync(`${hub.dir}/machine.key`)
  await hub.start()
  await assert.rejects(LightDaemon.dial(hub.url, old), /401/)
  await (await LightDaemon.dial(hub.url, hub.key('machine'))).close()
})
