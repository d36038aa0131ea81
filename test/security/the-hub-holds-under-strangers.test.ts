// Needs: openssl
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { Agent, IncomingMessage, type RequestOptions, request, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { WebSocket } from 'ws'
import { trustedProxies } from '../../src/config/trusted-proxies.ts'
import { Addresses, networkOf } from '../../src/hub/gate/address.ts'
import { Bodies } from '../../src/hub/gate/bodies.ts'
import { Followers } from '../../src/hub/gate/followers.ts'
import { gateLimits } from '../../src/hub/gate/gate.ts'
import { Notices } from '../../src/hub/gate/notices.ts'
import { Unread } from '../../src/hub/gate/unread.ts'
import type { HttpError } from '../../src/hub/http-error.ts'
import { startHub } from '../../src/hub/hub.ts'
import type { AuditPage } from '../../src/protocol/index.ts'
import { certificates } from '../support/certificates.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { memoryLog } from '../support/memory-log.ts'
import { frameHead, RawConnections } from '../support/raw-connections.ts'
import { RUN, Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const MIB = 1024 * 1024

test('silent connections do not starve a hub with few descriptors', async (t) => {
  const stage = await Stage.open(t)
  const hub = await stage.hub(['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh', ...RUN])
  const strangers = new RawConnections(t, stage.port)
  await strangers.silent(1000)
  const key = readFileSync(`${stage.state}/hub/machine.key`, 'utf8').trim()
  const daemon = await LightDaemon.greet({ url: stage.hubUrl, key, hello: { agents: [statusOf('a')] } })
  t.after(() => daemon.socket.terminate())
  daemon.send(frameOf('a', 0, 100))
  await daemon.acknowledged('a', 100)
  await until(() => strangers.open.length <= 64, { what: 'the end of most' })
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
  await until(() => strangers.open.length === 0, { what: 'the end of all' })
  assert.deepEqual(
    lines.flatMap(({ address, msg }) => (address === undefined ? [] : [msg])),
    ['connection ended: no key or request in time'],
  )
})

test('an address may have few connections without a key, and any number with a key', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, gate: { strangers_of_address: 8, grace_ms: 0 } })
  const keys = await Promise.all(Array.from({ length: 30 }, () => hub.enroll()))
  const daemons = await Promise.all(
    keys.map((key, n) => LightDaemon.greet({ url: hub.url, key, hello: { machine_id: `machine-${n}` } })),
  )
  const strangers = new RawConnections(t, hub.port)
  await strangers.silent(50)
  await until(() => strangers.open.length === 8, { what: 'the end of those beyond' })
  assert.deepEqual(
    daemons.flatMap(({ closed }) => closed ?? []),
    [],
  )
  for (const daemon of daemons) daemon.socket.terminate()
  const told = lines.filter(({ address }) => address !== undefined)
  assert.deepEqual(
    told.map(({ address, msg }) => [address, msg]),
    [['127.0.0.1', 'connection ended: too many without a key from this address']],
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
  await until(again, { what: 'room, once the first have ended' })
})

test('no link in the folder of public releases leads out of it', async (t) => {
  const hub = await TestHub.open(t)
  const releases = join(hub.dir, 'releases')
  const real = join(tempDir(t), 'real')
  mkdirSync(join(real, '1.0.0'), { recursive: true })
  writeFileSync(join(real, '1.0.0/manifest.json'), '{}')
  // The folder itself may be a link to another place.
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

test('a TLS connection counts as a stranger until it shows a key', async (t) => {
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
  await until(() => strangers.open.length === 0 && half.closed, { what: 'the end of strangers' })
  assert.equal(socket.readyState, WebSocket.OPEN)
})

test('greetings that are never completed take a bounded amount of memory for each key', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger })
  const other = await hub.enroll()
  const strangers = new RawConnections(t, hub.port)
  const key = hub.key('machine')
  const part = Buffer.alloc(20 * MIB, 0x20)
  for (let n = 0; n < 6; n++) {
    const { socket, status } = await strangers.upgrade(key)
    assert.equal(status, 101)
    socket.write(frameHead(59 * MIB))
    socket.write(part)
  }
  await until(() => strangers.open.length <= 2, { what: 'the end of most' })
  const daemon = await LightDaemon.greet({ url: hub.url, key: other, hello: { machine_id: 'other' } })
  daemon.socket.terminate()
  const [one] = strangers.open
  one!.write(part)
  await until(() => one!.closed, { what: 'the end of one that is longer than any greeting' })
  assert.ok(lines.some(({ address, msg }) => address === '127.0.0.1' && /before its greeting/.test(msg)))
})

test('connections of one key without a greeting are limited, and told to retry later', async (t) => {
  const hub = await TestHub.open(t)
  const strangers = new RawConnections(t, hub.port)
  const answers = []
  for (let n = 0; n < 40; n++) answers.push((await strangers.upgrade(hub.key('machine'))).status)
  assert.deepEqual([answers.filter((status) => status === 101).length, answers.at(-1)], [32, 503])
  for (const socket of strangers.open) socket.destroy()
  const daemon = await until(() => hub.daemon().catch(() => undefined), { what: 'a machine' })
  await daemon.settled()
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
    'the rest is counted',
  )
})

test('the address that a proxy forwards counts only if the proxy is trusted', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, trustedProxies: trustedProxies(['127.0.0.0/8'], {}) })
  const status = async (forwarded: string) =>
    (
      await fetch(`${hub.url}/api/agents`, {
        headers: { authorization: 'Bearer wrong', 'x-forwarded-for': forwarded },
      })
    ).status
  for (let n = 0; n < 30; n++) await status('198.51.100.1, 203.0.113.9, 127.0.0.7')
  assert.equal(await status('198.51.100.77, 203.0.113.9'), 429, 'what the client itself has forwarded')
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
  assert.equal((await hub.request('POST', '/api/agents', {})).status, 400, 'a short one is taken')
  for (const socket of strangers.sockets) socket.destroy()
  const taken = () => hub.request('POST', '/api/agents', ' '.repeat(MIB)).then(({ status }) => status === 400)
  await until(taken, { what: 'room' })
})

/** Sends a request without reading the answer. */
const ask = (hub: TestHub, key: string, path: string, options: RequestOptions = {}) =>
  new Promise<IncomingMessage>((resolve, reject) =>
    request(hub.url + path, { headers: { authorization: `Bearer ${key}` }, ...options }, resolve)
      .on('error', reject)
      .end(),
  )

const keyFor = async (hub: TestHub, name: string) =>
  (await hub.api<{ key: string }>('POST', '/api/keys', { name, role: 'viewer' })).key

test('streams are limited, and one key gets at most half of them', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, gate: { streams: 4 } })
  const greedy = await keyFor(hub, 'greedy')
  const open = (key: string) => ask(hub, key, '/api/stream')
  const streams = [await open(greedy), await open(greedy)]
  assert.equal((await open(greedy)).statusCode, 503)
  streams.push(await open(hub.key('user')), await open(hub.key('user')))
  assert.equal(streams.at(-1)!.statusCode, 200)
  const other = await keyFor(hub, 'other')
  assert.equal((await open(other)).statusCode, 503)
  streams[0]!.destroy()
  await until(async () => (await open(other)).statusCode === 200, { what: 'room' })
  for (const each of streams) each.destroy()
  assert.ok(lines.some(({ address, msg }) => address === '127.0.0.1' && /stream refused/.test(msg)))
})

test('one key gets at most half of the connections, and refused connections end like a stranger’s', async (t) => {
  const hub = await TestHub.open(t, { gate: { clients: 12, patience_ms: 300 } })
  const greedy = await keyFor(hub, 'greedy')
  const other = await keyFor(hub, 'other')
  const clients = new RawConnections(t, hub.port)
  const get = (key: string) =>
    clients.ask(`GET /api/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`)
  const all = []
  for (let n = 0; n < 20; n++) all.push((await get(greedy)).status)
  // A viewer may not use this path, but its key is accepted.
  assert.deepEqual(all, [...Array(6).fill(403), ...Array(14).fill(503)])
  assert.equal((await get(hub.key('user'))).status, 200)
  const { entries } = await hub.api<AuditPage>('GET', '/api/audit?by=greedy')
  assert.deepEqual(
    entries.map(({ action, code }) => [action, code]),
    [
      ['GET /api/keys', 'forbidden'],
      ['GET /api/keys', 'too_many_clients'],
    ],
  )
  await until(() => clients.open.length <= 7, { what: 'the end of those beyond' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  for (const key of [hub.key('user'), other, greedy, hub.key('user')]) {
    const answer = await ask(hub, key, '/api/machines', { agent })
    answer.resume()
    assert.equal(answer.statusCode, key === greedy ? 503 : 200, 'of a proxy, one connection serves all keys')
    await new Promise((resolve) => answer.once('close', resolve))
  }
  const socketPath = `${hub.dir}/hub.sock`
  for (let n = 0; n < 6; n++) {
    const answer = await ask(hub, hub.key('user'), '/api/machines', {
      socketPath,
      headers: { authorization: `Bearer ${hub.key('user')}`, host: 'localhost' },
    })
    assert.equal(answer.statusCode, 200, 'at the Unix socket there is always a way in')
  }
})

test('a stream whose client left before its start frees its slot', () => {
  const clock = new ManualClock()
  const notices = new Notices(clock, memoryLog().logger)
  const followers = new Followers({
    most: 1,
    notices,
    unread: new Unread({ stallMs: 30_000, clock, notices }),
  })
  for (let n = 0; n < 3; n++) {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    response.destroy()
    followers.follow({ response, address: '192.0.2.1', key: 'greedy' })
  }
})

test('one key holds at most half of the unread answers, and clients that read nothing are closed', async () => {
  const clock = new ManualClock()
  const { logger, lines } = memoryLog()
  const notices = new Notices(clock, logger)
  const unread = new Unread({ stallMs: 30_000, clock, notices })
  const followers = new Followers({ most: 100, notices, unread })
  const read: number[] = []
  const clients = Array.from({ length: 60 }, (_, n) => {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const key = n < 40 ? 'greedy' : 'other'
    const follower = followers.follow({ response, address: '192.0.2.1', key })
    const next = () =>
      follower.next(() => {
        read.push(n)
        return Promise.resolve(Buffer.alloc(MIB))
      })
    return { response, next }
  })
  const readOf = (key: 'greedy' | 'other') => read.filter((n) => n < 40 === (key === 'greedy')).length
  for (const { next } of clients) void next()
  await setImmediate()
  // Concurrent requests do not see each other.
  for (const key of ['greedy', 'other'] as const)
    assert.ok(readOf(key) >= 16 && readOf(key) <= 18, `${key} ${readOf(key)}`)
  const held = read.length
  const takers = clients.slice(0, 4)
  for (const { next } of takers) void next()
  await setImmediate()
  const further = read.length - held
  assert.ok(further > 0 && further < 8, String(further))
  const isOver = () => {
    clock.pass(1000)
    return new Set(read).size === 60
  }
  await until(isOver, { what: 'everybody' })
  assert.ok(clients.filter(({ response }) => response.destroyed).length >= 28)
  assert.ok(lines.some(({ address, msg }) => address === '192.0.2.1' && /does not read/.test(msg)))
  unread.close()
})

/** Longer than the operating system's buffers for a client that does not read. */
async function longHistory(hub: TestHub) {
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const text = 'x'.repeat(15 * MIB)
  daemon.send({ ...frameOf('a', 0, 1), events: [{ kind: 'text', text, offset: 0, index: 0 }] })
  await daemon.acknowledged('a', 1)
}

test('a client that reads nothing of an answer is closed', async (t) => {
  for (const path of ['/api/agents/a/events', '/api/agents/a/stream']) {
    const { logger, lines } = memoryLog()
    const hub = await TestHub.open(t, { logger, gate: { stall_ms: 300 } })
    await longHistory(hub)
    const answer = await ask(hub, hub.key('user'), path)
    const isEnded = () => lines.some(({ msg }) => /does not read it/.test(msg))
    await until(isEnded, { what: `the end of ${path}` })
    answer.destroy()
  }
})

test('unread answers take a bounded amount of memory, and delay no other key', async (t) => {
  const hub = await TestHub.open(t)
  await longHistory(hub)
  const greedy = await keyFor(hub, 'greedy')
  const path = '/api/agents/a/events'
  const unread = []
  for (const key of [greedy, greedy, await keyFor(hub, 'as-greedy')]) unread.push(await ask(hub, key, path))
  let arrived = false
  const third = ask(hub, greedy, path).then((answer) => {
    arrived = true
    answer.destroy()
  })
  const { events } = await hub.api<{ events: unknown[] }>('GET', path)
  assert.equal(events.length, 1)
  assert.ok(!arrived)
  for (const answer of unread) answer.destroy()
  await third
  await hub.api('GET', path)
})

test('strangers and clients leave half of the descriptors to machines', () => {
  for (const descriptors of [256, 1024, 4096, 1_048_576]) {
    const { strangers, clients, streams } = gateLimits(descriptors)
    assert.ok(strangers + clients <= descriptors / 2)
    assert.ok(streams <= clients / 2)
  }
})

test('long bodies count only while they arrive', async (t) => {
  const hub = await TestHub.open(t)
  const post = () =>
    new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${hub.key('user')}`, 'transfer-encoding': 'chunked' }
      const asked = request(`${hub.url}/api/agents`, { method: 'POST', headers }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
      asked.on('error', reject)
      asked.flushHeaders()
      // After the headers, so that the hub reads the body as it arrives.
      setTimeout(() => asked.end('{}'), 50)
    })
  const one = await post()
  assert.notEqual(one, 503)
  for (let n = 0; n < 8; n++) assert.equal(await post(), one)
  const many = await Promise.all(Array.from({ length: 6 }, post))
  assert.ok(many.includes(503) && many.includes(one), String(many))
})

test('short bodies count too: one key gets its share, and they fit in next to long bodies', () => {
  const bodies = new Bodies(new Notices(new ManualClock(), memoryLog().logger))
  const admit = (key: string, bytes: number) => {
    const coming = Object.assign(new IncomingMessage(new Socket()), {
      headers: { 'content-length': `${bytes}` },
    })
    bodies.admit(coming, '192.0.2.1', key)
    return coming
  }
  const most = (key: string, bytes: number) => {
    const admitted: IncomingMessage[] = []
    try {
      while (admitted.length < 10_000) admitted.push(admit(key, bytes))
    } catch (error) {
      assert.equal((error as HttpError).status, 503)
    }
    return admitted
  }
  const greedy = most('greedy', 64 * 1024)
  assert.equal((greedy.length * 64) / 1024, 64 + 1)
  const tiny = most('tiny', 10_000)
  assert.ok(tiny.length * 10_000 <= 65 * MIB && tiny.length > 6000, String(tiny.length))
  admit('other', 64 * 1024)
  for (const coming of greedy.splice(0, 17)) coming.emit('close')
  admit('greedy', 64 * 1024)
})

test('long answers wait until others are read, for any number of keys', async () => {
  const clock = new ManualClock()
  const unread = new Unread({ stallMs: 30_000, clock, notices: new Notices(clock, memoryLog().logger) })
  const answer = async (key: string, bytes: number) => {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const reader = { response, address: '192.0.2.1', key }
    unread.watch(reader)
    return unread
      .turn(reader, () => Promise.resolve(bytes), Number)
      .catch(({ error }: HttpError) => error.code)
  }
  const answers = []
  for (let n = 0; n < 10; n++) answers.push(await answer(`key ${n}`, 100 * MIB))
  assert.deepEqual(answers, [100 * MIB, ...Array(9).fill('busy')])
  assert.equal(await answer('another', 15 * MIB), 15 * MIB)
  // Clients that read nothing are closed, even if nothing waits at that moment.
  clock.pass(12_000)
  assert.equal(await answer('key 1', 100 * MIB), 100 * MIB)
  unread.close()
})

test('a request for a long answer is refused with the reason while other answers are unread', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  // Six times as long when printed.
  const text = '\x85'.repeat(4 * MIB)
  daemon.send({ ...frameOf('a', 0, 1), events: [{ kind: 'text', text, offset: 0, index: 0 }] })
  await daemon.acknowledged('a', 1)
  const path = '/api/agents/a/events'
  const unread = []
  for (const name of ['one', 'two']) unread.push(await ask(hub, await keyFor(hub, name), path))
  const refused = await hub.request('GET', path)
  assert.equal(refused.status, 503)
  const { error } = (await refused.json()) as { error: { code: string; remedy: string } }
  assert.equal(error.code, 'busy')
  assert.match(error.remedy, /10 seconds/)
  assert.equal((await hub.request('GET', '/api/agents')).status, 200)
  for (const answer of unread) answer.destroy()
  await until(async () => (await hub.request('GET', path)).status === 200, { what: 'room' })
})
