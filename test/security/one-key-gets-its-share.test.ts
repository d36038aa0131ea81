import assert from 'node:assert/strict'
import { Agent, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { Followers } from '../../src/hub/gate/followers.ts'
import { gateLimits } from '../../src/hub/gate/gate.ts'
import { Notices } from '../../src/hub/gate/notices.ts'
import { Unread } from '../../src/hub/gate/unread.ts'
import type { AuditPage } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { MIB, requestUnread, viewerKey } from '../support/hub-clients.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { memoryLog } from '../support/memory-log.ts'
import { frameHead, RawConnections } from '../support/raw-connections.ts'
import { until } from '../support/wait.ts'

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
  await until(() => strangers.open.length <= 2, { what: 'the end of most connections' })
  const daemon = await LightDaemon.greet({ url: hub.url, key: other, hello: { machine_id: 'other' } })
  daemon.socket.terminate()
  const [one] = strangers.open
  one!.write(part)
  await until(() => one!.closed, { what: 'the end of a connection whose data is longer than any greeting' })
  assert.ok(lines.some(({ address, msg }) => address === '127.0.0.1' && /before its greeting/.test(msg)))
})

test('the number of connections that one key opens without a greeting is limited, and further connections are told to retry later', async (t) => {
  const hub = await TestHub.open(t)
  const strangers = new RawConnections(t, hub.port)
  const answers = []
  for (let n = 0; n < 40; n++) answers.push((await strangers.upgrade(hub.key('machine'))).status)
  assert.deepEqual([answers.filter((status) => status === 101).length, answers.at(-1)], [32, 503])
  for (const socket of strangers.open) socket.destroy()
  const daemon = await until(() => hub.daemon().catch(() => undefined), { what: 'a machine' })
  await daemon.settled()
})

test('streams are limited, and one key gets at most half of them', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, gate: { streams: 4 } })
  const greedy = await viewerKey(hub, 'greedy')
  const open = (key: string) => requestUnread(hub, key, '/api/stream')
  const streams = [await open(greedy), await open(greedy)]
  assert.equal((await open(greedy)).statusCode, 503)
  streams.push(await open(hub.key('user')), await open(hub.key('user')))
  assert.equal(streams.at(-1)!.statusCode, 200)
  const other = await viewerKey(hub, 'other')
  assert.equal((await open(other)).statusCode, 503)
  streams[0]!.destroy()
  await until(async () => (await open(other)).statusCode === 200, { what: 'room' })
  for (const each of streams) each.destroy()
  assert.ok(lines.some(({ address, msg }) => address === '127.0.0.1' && /stream refused/.test(msg)))
})

test('one key gets at most half of the connections, and refused connections end like connections without a key', async (t) => {
  const hub = await TestHub.open(t, { gate: { clients: 12, patience_ms: 300 } })
  const greedy = await viewerKey(hub, 'greedy')
  const other = await viewerKey(hub, 'other')
  const clients = new RawConnections(t, hub.port)
  const get = (key: string) =>
    clients.ask(`GET /api/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`)
  const all = []
  for (let n = 0; n < 20; n++) all.push((await get(greedy)).status)
  // The key of a viewer is accepted, although a viewer may not use this path.
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
  await until(() => clients.open.length <= 7, { what: 'the end of the connections above the limit' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  for (const key of [hub.key('user'), other, greedy, hub.key('user')]) {
    const answer = await requestUnread(hub, key, '/api/machines', { agent })
    answer.resume()
    assert.equal(
      answer.statusCode,
      key === greedy ? 503 : 200,
      'a proxy may send requests with different keys on one connection',
    )
    await new Promise((resolve) => answer.once('close', resolve))
  }
  const socketPath = `${hub.dir}/hub.sock`
  for (let n = 0; n < 6; n++) {
    const answer = await requestUnread(hub, hub.key('user'), '/api/machines', {
      socketPath,
      headers: { authorization: `Bearer ${hub.key('user')}`, host: 'localhost' },
    })
    assert.equal(answer.statusCode, 200, 'requests at the Unix socket are always accepted')
  }
})

test('a stream frees its slot if its client has left before the stream starts', () => {
  const clock = new ManualClock()
  const notices = new Notices({ clock, logger: memoryLog().logger })
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

test('clients with and without a key leave half of the file descriptors to machines', () => {
  for (const descriptors of [256, 1024, 4096, 1_048_576]) {
    const { strangers, clients, streams } = gateLimits(descriptors)
    assert.ok(strangers + clients <= descriptors / 2)
    assert.ok(streams <= clients / 2)
  }
})
