import assert from 'node:assert/strict'
import { IncomingMessage, request, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Bodies } from '../../src/hub/gate/bodies.ts'
import { Followers } from '../../src/hub/gate/followers.ts'
import { Notices } from '../../src/hub/gate/notices.ts'
import { Unread } from '../../src/hub/gate/unread.ts'
import type { HttpError } from '../../src/hub/http-error.ts'
import { BEGINNING } from '../../src/hub/store/event-id.ts'
import { AgentStreams } from '../../src/hub/streams/agent-streams.ts'
import { TestHub } from '../support/hub.ts'
import { MIB, requestUnread, viewerKey } from '../support/hub-clients.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryJournals } from '../support/memory-journals.ts'
import { memoryLog } from '../support/memory-log.ts'
import { settled } from '../support/stream-stage.ts'
import { until } from '../support/wait.ts'

test('one key holds at most half of the unread answers, and clients that read nothing are closed', async () => {
  const clock = new ManualClock()
  const { logger, lines } = memoryLog()
  const notices = new Notices({ clock, logger })
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
  // Answers that are built at the same time do not yet count each other's memory, so a key may get more than
  // 16 answers.
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

test('streams of new activity that nobody reads use a limited amount of memory for each key', async () => {
  const clock = new ManualClock()
  const notices = new Notices({ clock, logger: memoryLog().logger })
  const unread = new Unread({ stallMs: 30_000, clock, notices })
  const followers = new Followers({ most: 100, notices, unread })
  const journals = new MemoryJournals()
  const streams = new AgentStreams({ agents: { viewAt: () => undefined }, journals, clock })
  const clients = Array.from({ length: 80 }, (_, n) => {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const key = n < 40 ? 'greedy' : 'other'
    const follower = followers.follow({ response, address: '192.0.2.1', key })
    streams.follow({ key: 'a', after: BEGINNING, follower })
    return { key, response }
  })
  await settled()
  for (let n = 0; n < 10; n++) {
    journals.append('a', 1, 'x'.repeat(MIB * 0.75))
    streams.onCommitted(['a'])
    clock.pass(100)
    await settled()
  }
  for (const key of ['greedy', 'other']) {
    const held = clients.filter((client) => client.key === key).map(({ response }) => response.writableLength)
    const all = held.reduce((sum, bytes) => sum + bytes, 0) / MIB
    assert.ok(all > 15 && all < 18, `${key} ${all}`)
    assert.ok(Math.max(...held) < 2 * MIB)
  }
  unread.close()
})

/** Makes a history that exceeds the operating system's buffers, so a client must read to get all of it. */
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
    const answer = await requestUnread(hub, hub.key('user'), path)
    const isEnded = () => lines.some(({ msg }) => /does not read it/.test(msg))
    await until(isEnded, { what: `the end of ${path}` })
    answer.destroy()
  }
})

test('unread answers use a limited amount of memory, and do not delay the answers for other keys', async (t) => {
  const hub = await TestHub.open(t)
  await longHistory(hub)
  const greedy = await viewerKey(hub, 'greedy')
  const path = '/api/agents/a/events'
  const unread = []
  for (const key of [greedy, greedy, await viewerKey(hub, 'as-greedy')])
    unread.push(await requestUnread(hub, key, path))
  let arrived = false
  const third = requestUnread(hub, greedy, path).then((answer) => {
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

test('long request bodies count toward the limit only while they arrive', async (t) => {
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
      // Send the body later than the headers, so that the hub reads the body as it arrives.
      setTimeout(() => asked.end('{}'), 50)
    })
  const one = await post()
  assert.notEqual(one, 503)
  for (let n = 0; n < 8; n++) assert.equal(await post(), one)
  const many = await Promise.all(Array.from({ length: 6 }, post))
  assert.ok(many.includes(503) && many.includes(one), String(many))
})

test('short request bodies also count: each key gets its share of the space, and short bodies fit next to long bodies', () => {
  const bodies = new Bodies(new Notices({ clock: new ManualClock(), logger: memoryLog().logger }))
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

test('long answers wait until other long answers are read, for any number of keys', async () => {
  const clock = new ManualClock()
  const unread = new Unread({
    stallMs: 30_000,
    clock,
    notices: new Notices({ clock, logger: memoryLog().logger }),
  })
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
  // Connections of clients that read nothing are closed, even if no other answer waits at that time.
  clock.pass(12_000)
  assert.equal(await answer('key 1', 100 * MIB), 100 * MIB)
  unread.close()
})

test('while other answers are unread, a request for a long answer is refused with the reason', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  // The escaped text is six times as long as this text.
  const text = '\x85'.repeat(4 * MIB)
  daemon.send({ ...frameOf('a', 0, 1), events: [{ kind: 'text', text, offset: 0, index: 0 }] })
  await daemon.acknowledged('a', 1)
  const path = '/api/agents/a/events'
  const unread = []
  for (const name of ['one', 'two']) unread.push(await requestUnread(hub, await viewerKey(hub, name), path))
  const plain = { 'accept-encoding': 'identity' }
  const refused = await hub.request('GET', path, undefined, plain)
  assert.equal(refused.status, 503)
  const { error } = (await refused.json()) as { error: { code: string; remedy: string } }
  assert.equal(error.code, 'busy')
  assert.match(error.remedy, /10 seconds/)
  assert.equal((await hub.request('GET', '/api/agents')).status, 200)
  for (const answer of unread) answer.destroy()
  await until(async () => (await hub.request('GET', path, undefined, plain)).status === 200, { what: 'room' })
})
