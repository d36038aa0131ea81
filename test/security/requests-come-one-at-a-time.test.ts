// Needs: prlimit
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { withoutDescriptors } from '../support/descriptors.ts'
import { TestHub, type TestHubOptions } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { memoryLog } from '../support/memory-log.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const TOO_MANY = 'connection ended: too many requests at once'

async function open(t: Cleanup, gate: TestHubOptions['gate'] = {}) {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger, gate })
  mkdirSync(`${hub.dir}/releases`)
  writeFileSync(`${hub.dir}/releases/big`, '')
  truncateSync(`${hub.dir}/releases/big`, 100 * 1024 * 1024)
  writeFileSync(`${hub.dir}/releases/latest`, '1.0.0')
  const key = hub.key('user')
  const get = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`
  return { hub, lines, get }
}

/** Opens a connection, and collects all data received on it. */
async function talk(t: Cleanup, port: number) {
  const socket = connect(port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
  })
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (data) => {
    text += data.toString('latin1')
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  return { socket, heard: () => text }
}

const statusesIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)

const isOpenHere = (path: string) =>
  readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false
    }
  })

test('files that were requested together are closed after their client leaves', async (t) => {
  const { hub, lines } = await open(t)
  const get = 'GET /releases/big HTTP/1.1\r\nHost: localhost\r\n\r\n'
  for (const count of [1, 2, 3, 100]) {
    const { socket, heard } = await talk(t, hub.port)
    socket.write(get.repeat(count))
    await until(() => socket.closed || heard() !== '', { what: 'an answer, or the end of the connection' })
    socket.destroy()
    await until(() => !isOpenHere(`${hub.dir}/releases/big`), { what: `all closed, of ${count}` })
  }
  const told = lines.filter(({ msg }) => msg === TOO_MANY)
  assert.deepEqual(
    told.map(({ address }) => address),
    ['127.0.0.1'],
  )
})

test('streams that were requested together free their slots after their client leaves', async (t) => {
  const { hub, get } = await open(t, { streams: 4 })
  const statusOfOne = async () => {
    const { socket, heard } = await talk(t, hub.port)
    socket.write(get('/api/stream'))
    const [status] = await until(() => heard() !== '' && statusesIn(heard()), { what: 'an answer' })
    socket.destroy()
    return status
  }
  for (const count of [2, 3, 50]) {
    for (let n = 0; n < 4; n++) {
      const { socket, heard } = await talk(t, hub.port)
      socket.write(get('/api/stream').repeat(count))
      const isOver = () => (count === 2 ? heard() !== '' : socket.closed)
      await until(isOver, { what: 'an answer, or the end of the connection if it has too many requests' })
      socket.destroy()
    }
    await until(async () => (await statusOfOne()) === '200', {
      what: `a free slot after ${count} requests at once`,
    })
  }
})

test('requests that were sent together stop waiting when their connection ends', async (t) => {
  const { hub, get } = await open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const prompt = { command_id: 'waits', content: 'x' }
  await hub.request('POST', '/api/agents/a/prompt?wait=0', prompt)
  const { socket } = await talk(t, hub.port)
  socket.write(get('/api/commands/waits?wait=300').repeat(1000))
  await until(() => socket.closed, { what: 'the end of the connection' })
  daemon.socket.terminate()
})

test('a pipelined request is answered after the request before it', async (t) => {
  const { hub, get } = await open(t)
  const { socket, heard } = await talk(t, hub.port)
  for (let n = 1; n <= 3; n++) {
    socket.write(get('/releases/latest') + get('/health'))
    await until(() => heard().split('"ok":true').length === n + 1, { what: 'both answers' })
  }
  assert.deepEqual(statusesIn(heard()), Array(6).fill('200'))
  assert.ok(heard().indexOf('1.0.0') < heard().indexOf('"ok":true'))
})

test('a request that waited for another request has the same time limit as any other request', async (t) => {
  const { hub, get } = await open(t, { stall_ms: 300 })
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  await hub.request('POST', '/api/agents/a/prompt?wait=0', { command_id: 'slow', content: 'x' })
  const { socket, heard } = await talk(t, hub.port)
  socket.write(get('/api/agents') + get('/api/commands/slow?wait=1'))
  await until(() => socket.closed || statusesIn(heard()).length === 2, {
    what: 'both answers, or the end of the connection',
  })
  assert.deepEqual(statusesIn(heard()), ['200', '202'])
  daemon.socket.terminate()
})

test('a request body that the client aborts is not logged, and repeated failures are logged once per address', async (t) => {
  const printed = t.mock.method(console, 'error', () => {})
  const { hub, lines, get } = await open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 100))
  await daemon.acknowledged('a', 100)
  for (const length of ['Content-Length: 9\r\n\r\n{', 'Transfer-Encoding: chunked\r\n\r\n9\r\n{']) {
    const { socket } = await talk(t, hub.port)
    socket.write(`POST /enroll HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n${length}`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resetAndDestroy()
  }
  const { socket, heard } = await talk(t, hub.port)
  const answered = async (path: string, socket: Socket) => {
    const before = statusesIn(heard()).length
    socket.write(get(path))
    await until(() => statusesIn(heard()).length > before, { what: `an answer to ${path}` })
  }
  await answered('/health', socket)
  await withoutDescriptors(async () => {
    await answered('/releases/latest', socket)
    for (let n = 0; n < 3; n++) await answered('/api/agents/a/events', socket)
  })
  assert.deepEqual(statusesIn(heard()), ['200', '503', '500', '500', '500'])
  const failed = lines.filter(({ msg }) => /failed/.test(String(msg)))
  assert.deepEqual(
    failed.map(({ address, path }) => [address, path]),
    [['127.0.0.1', '/api/agents/a/events']],
  )
  assert.equal(printed.mock.callCount(), 0)
})
