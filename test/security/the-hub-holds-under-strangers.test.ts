import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { WebSocket } from 'ws'
import { trustedProxies } from '../../src/config/trusted-proxies.ts'
import { Addresses, networkOf } from '../../src/hub/gate/address.ts'
import { startHub } from '../../src/hub/hub.ts'
import { certificates } from '../support/certificates.ts'
import { TestHub } from '../support/hub.ts'
import { MIB } from '../support/hub-clients.ts'
import { frameOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { memoryLog } from '../support/memory-log.ts'
import { RawConnections } from '../support/raw-connections.ts'
import { RUN, Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

test('a hub with few file descriptors still works with many silent connections', async (t) => {
  const stage = await Stage.open(t)
  const hub = await stage.hub(['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh', ...RUN])
  const strangers = new RawConnections(t, stage.port)
  await strangers.silent(1000)
  const key = readFileSync(`${stage.state}/hub/machine.key`, 'utf8').trim()
  const daemon = await LightDaemon.greet({ url: stage.hubUrl, key, hello: { agents: [statusOf('a')] } })
  t.after(() => daemon.socket.terminate())
  daemon.send(frameOf('a', 0, 100))
  await daemon.acknowledged('a', 100)
  await until(() => strangers.open.length <= 64, { what: 'the end of most connections' })
  assert.equal(daemon.closed, undefined)
  const lines = hub
    .log()
    .split('\n')
    .filter((line) => line.includes(' address=127.0.0.1'))
  assert.ok(lines.length > 0 && lines.length < 10, hub.log())
})

test('a connection without a key that sends no request in time is closed', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, gate: { patience_ms: 100 } })
  const strangers = new RawConnections(t, hub.port)
  await strangers.silent(5)
  const [slow] = strangers.sockets
  slow!.write('POST /enroll HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
  await until(() => strangers.open.length === 0, { what: 'the end of all connections' })
  assert.deepEqual(
    lines.flatMap(({ address, msg }) => (address === undefined ? [] : [msg])),
    ['connection ended: no key or request in time'],
  )
})

test('an address may have only a few connections without a key, but any number with a key', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, gate: { strangers_of_address: 8, grace_ms: 0 } })
  const keys = await Promise.all(Array.from({ length: 30 }, () => hub.enroll()))
  const daemons = await Promise.all(
    keys.map((key, n) => LightDaemon.greet({ url: hub.url, key, hello: { machine_id: `machine-${n}` } })),
  )
  const strangers = new RawConnections(t, hub.port)
  await strangers.silent(50)
  await until(() => strangers.open.length === 8, { what: 'the end of the connections above the limit' })
  assert.deepEqual(
    daemons.flatMap(({ closed }) => closed ?? []),
    [],
  )
  for (const daemon of daemons) daemon.socket.terminate()
  const told = lines.filter(({ address }) => address !== undefined)
  assert.deepEqual(
    told.map(({ address, msg }) => [address, msg]),
    [['127.0.0.1', 'connection ended: too many connections without a key from this address']],
  )
})

test('downloads are limited per address, and end if the client reads nothing', async (t) => {
  const hub = await TestHub.open(t, { gate: { strangers_of_address: 2, stall_ms: 300 } })
  mkdirSync(`${hub.dir}/releases`)
  writeFileSync(`${hub.dir}/releases/big`, '')
  truncateSync(`${hub.dir}/releases/big`, 100 * MIB)
  const strangers = new RawConnections(t, hub.port)
  const get = 'GET /releases/big HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const answers = [await strangers.ask(get), await strangers.ask(get), await strangers.ask(get)]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 503],
  )
  const withKey = await strangers.ask(
    `GET /api/machines HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${hub.key('user')}\r\n\r\n`,
  )
  assert.equal(withKey.status, 200)
  const again = () => strangers.ask(get).then(({ status }) => status === 200)
  await until(again, { what: 'a free slot when the first downloads have ended' })
})

test('no link in the folder of public releases gives access to files outside of it', async (t) => {
  const hub = await TestHub.open(t)
  const releases = join(hub.dir, 'releases')
  const real = join(tempDir(t), 'real')
  mkdirSync(join(real, '1.0.0'), { recursive: true })
  writeFileSync(join(real, '1.0.0/manifest.json'), '{}')
  // The folder itself may be a link to a folder elsewhere.
  symlinkSync(real, releases)
  symlinkSync(join(hub.dir, 'user.key'), join(real, 'file'))
  symlinkSync(hub.dir, join(real, 'folder'))
  symlinkSync('1.0.0', join(real, '2.0.0'))
  symlinkSync(join(hub.dir, 'user.key'), join(real, 'install.sh'))
  execFileSync('mkfifo', [join(real, 'pipe')])
  const status = async (path: string) => (await fetch(hub.url + path)).status
  assert.equal(await status('/releases/1.0.0/manifest.json'), 200)
  for (const path of ['file', 'folder/user.key', '2.0.0/manifest.json', 'pipe', 'install.sh'])
    assert.equal(await status(`/releases/${path}`), 404, path)
  assert.equal(await status('/install.sh'), 404)
})

test('a TLS connection counts as a connection without a key until it sends a key', async (t) => {
  const dir = tempDir(t)
  const { certificate, key } = certificates(dir, ['127.0.0.1'])
  const hub = await startHub({
    dir: `${dir}/hub`,
    host: '127.0.0.1',
    port: 0,
    tls: { cert: certificate, key },
    logger: memoryLog().logger,
    gate: { patience_ms: 100 },
  })
  t.after(() => hub.close())
  const socket = new WebSocket(`wss://127.0.0.1:${hub.port}`, {
    headers: { authorization: `Bearer ${readFileSync(hub.machineKeyPath, 'utf8').trim()}` },
    rejectUnauthorized: false,
  })
  t.after(() => socket.terminate())
  await new Promise((resolve) => socket.once('open', resolve))
  const strangers = new RawConnections(t, hub.port)
  await strangers.silent(3)
  const half = connectTls({ port: hub.port, host: '127.0.0.1', rejectUnauthorized: false })
  half.on('error', () => {})
  await new Promise((resolve) => half.once('secureConnect', resolve))
  await until(() => strangers.open.length === 0 && half.closed, {
    what: 'the end of the connections without a key',
  })
  assert.equal(socket.readyState, WebSocket.OPEN)
})

test('wrong keys and tokens are slowed down and logged, and a valid key is accepted', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger })
  const machineKey = await hub.enroll()
  const ask = (key: string) => fetch(`${hub.url}/api/agents`, { headers: { authorization: `Bearer ${key}` } })
  const enroll = (path: string) =>
    fetch(hub.url + path, {
      method: 'POST',
      body: JSON.stringify({ token: 'fet_guessed', key_sha256: 'f'.repeat(64), hostname: 'host' }),
    })
  const tries: (() => Promise<number>)[] = [
    async () => (await ask('wrong')).status,
    async () => (await enroll('/enroll')).status,
    async () => (await enroll('/enroll/check')).status,
    () =>
      LightDaemon.dial(hub.url, 'wrong').then(
        () => 101,
        (error: Error) => Number(/\d{3}/.exec(error.message)?.[0]),
      ),
  ]
  const answers: number[] = []
  for (let n = 0; n < 15; n++) for (const attempt of tries) answers.push(await attempt())
  assert.deepEqual(answers.slice(0, 20), Array(20).fill(401))
  assert.deepEqual(new Set(answers.slice(20)), new Set([401, 429]))
  assert.ok(answers.slice(20).filter((status) => status === 401).length < 5)
  const refused = await until(
    async () => {
      const answer = await ask('wrong')
      return answer.status === 429 && answer
    },
    { what: '429' },
  )
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'too_many_failures')
  assert.equal((await ask(hub.key('user'))).status, 200)
  const daemon = await LightDaemon.greet({ url: hub.url, key: machineKey, hello: {} })
  daemon.socket.terminate()
  const told = lines.filter(({ address }) => address !== undefined)
  assert.deepEqual(
    new Set(told.map(({ address, msg }) => `${address} ${msg}`)),
    new Set([
      '127.0.0.1 refused: user key not accepted',
      '127.0.0.1 refused: enrollment token not accepted',
      '127.0.0.1 refused: machine key not accepted',
    ]),
  )
  assert.equal(told.length, 3)
  await hub.stop()
  assert.ok(
    lines.some(({ msg, times }) => /again$/.test(msg) && Number(times) > 10),
    'further failures are only counted',
  )
})

test('the forwarded address of a client counts only if the proxy is trusted', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, trustedProxies: trustedProxies(['127.0.0.0/8'], {}) })
  const status = async (forwarded: string) =>
    (
      await fetch(`${hub.url}/api/agents`, {
        headers: { authorization: 'Bearer wrong', 'x-forwarded-for': forwarded },
      })
    ).status
  for (let n = 0; n < 30; n++) await status('198.51.100.1, 203.0.113.9, 127.0.0.7')
  assert.equal(
    await status('198.51.100.77, 203.0.113.9'),
    429,
    'an address that the client itself has put into the header has no effect',
  )
  assert.equal(await status('203.0.113.10'), 401)
  assert.equal(lines.find(({ msg }) => /user key/.test(msg))?.address, '203.0.113.9')
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  const trusting = new Addresses(trustedProxies(['10.0.0.0/8', '2001:db8::/32'], {}))
  const of = (remoteAddress: string) => trusting.of({ headers, socket: { remoteAddress } })
  assert.equal(of('192.0.2.1'), '192.0.2.1')
  assert.equal(of('10.1.2.3'), '203.0.113.9')
  assert.equal(of('::ffff:10.1.2.3'), '203.0.113.9')
  assert.equal(of('2001:db8::7'), '203.0.113.9')
  for (const wrong of ['proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '::/129', '10.0.0.1/x', ''])
    assert.throws(() => trustedProxies([wrong], {}), /is neither an address nor a network/)
  assert.equal(networkOf('2001:db8:0:1::2'), networkOf('2001:DB8::1:0:0:0:ffff'))
  assert.notEqual(networkOf('2001:db8:0:1::2'), networkOf('2001:db8:0:2::2'))
})

test('long requests that are never completed take a bounded amount of memory', async (t) => {
  const hub = await TestHub.open(t)
  const strangers = new RawConnections(t, hub.port)
  const head = (length: number) =>
    `POST /api/agents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${hub.key('user')}\r\nContent-Length: ${length}\r\n\r\n`
  await strangers.silent(4)
  for (const socket of strangers.sockets) socket.write(`${head(32 * MIB)}{`)
  const refused = () => strangers.ask(`${head(32 * MIB)}{`).then(({ status }) => status === 503)
  await until(refused, { what: '503' })
  assert.equal((await hub.request('POST', '/api/agents', {})).status, 400, 'a short request is accepted')
  for (const socket of strangers.sockets) socket.destroy()
  const taken = () => hub.request('POST', '/api/agents', ' '.repeat(MIB)).then(({ status }) => status === 400)
  await until(taken, { what: 'room' })
})
