import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { type Event, type HubAgent, type HubMachine, Limits } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { SseReader } from '../support/sse-reader.ts'
import { until } from '../support/wait.ts'

const follow = (hub: TestHub, path: string, headers: Record<string, string> = {}) =>
  SseReader.open(hub.url + path, { authorization: `Bearer ${hub.key('user')}`, ...headers })

const LONG = Limits.frame_bytes - 1_000_000
const specWith = (server: string, promptChars = 1) =>
  `{"spec":{"cwd":"/","prompt":"${'x'.repeat(promptChars)}","mcp_servers":{"x":${server}}}}`

test('a bad request is answered with the error and the path of the bad field', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('a')] })
  const cases: [string, string, unknown, number, object][] = [
    ['GET', '/api/nothing', undefined, 404, { code: 'not_found' }],
    ['GET', '/api/agents/b', undefined, 404, { code: 'agent_not_found' }],
    ['POST', '/api/agents/b/stop', {}, 404, { code: 'agent_not_found' }],
    ['POST', '/api/machines/b/check', {}, 404, { code: 'machine_not_found' }],
    ['GET', '/api/commands/b', undefined, 404, { code: 'command_not_found' }],
    ['POST', '/api/agents', '{"spec":', 400, { code: 'not_json' }],
    ['POST', '/api/agents', [], 400, { code: 'invalid_command' }],
    ['POST', '/api/agents', { spec: { cwd: 'x' } }, 400, { code: 'invalid_command', path: 'spec.cwd' }],
    ['POST', '/api/agents/a/prompt', {}, 400, { code: 'invalid_command', path: 'content' }],
    ['POST', '/api/agents/a/stop', { command_id: '' }, 400, { path: 'command_id' }],
    ['POST', '/api/agents/a/stop?wait=soon', {}, 400, { code: 'invalid_request', path: 'wait' }],
    ['GET', '/api/agents/a/events?after=x', undefined, 400, { code: 'invalid_request', path: 'after' }],
    ['GET', '/api/agents/a/events?limit=0', undefined, 400, { path: 'limit' }],
    ['GET', '/api/agents/a/stream?after=1', undefined, 400, { path: 'after' }],
    ['POST', '/api/agents/a/prompt', 'x'.repeat(Limits.frame_bytes + 1), 413, { code: 'too_large' }],
    // The request is short enough, but the message to the daemon is not: it contains each 1e20 in full.
    ['POST', '/api/agents', specWith(`[${'1e20,'.repeat(90_000)}1]`, LONG), 413, { code: 'too_large' }],
    // The first body is larger than a message may be, and the second is too deeply nested.
    ['POST', '/api/agents', specWith(`[${'1,'.repeat(2_000_000)}1]`), 400, { code: 'invalid_command' }],
    [
      'POST',
      '/api/agents',
      specWith('['.repeat(20_000) + ']'.repeat(20_000)),
      400,
      { code: 'invalid_command' },
    ],
  ]
  for (const [method, path, body, status, expected] of cases) {
    const response = await hub.request(method, path, body)
    const { error } = (await response.json()) as { error: Record<string, unknown> }
    assert.equal(response.status, status, path)
    assert.equal(typeof error.message, 'string')
    for (const [key, value] of Object.entries(expected)) assert.equal(error[key], value, path)
  }
  const form = await hub.request('POST', '/api/agents/a/stop', 'x=1', {
    'content-type': 'application/x-www-form-urlencoded',
  })
  assert.equal(form.status, 415)
})

test('the API needs the user key, and the health check needs none', async (t) => {
  const hub = await TestHub.open(t)
  const status = async (path: string, authorization?: string) =>
    (await fetch(hub.url + path, { headers: { ...(authorization && { authorization }) } })).status
  assert.equal(await status('/health'), 200)
  assert.equal(await status('/api/agents'), 401)
  assert.equal(await status('/api/agents', 'Bearer nonsense'), 401)
  assert.equal(await status('/api/agents', `Bearer ${hub.key('machine')}`), 401)
  assert.equal(await status('/api/agents', `Bearer ${hub.key('user')}`), 200)
})

test('a foreign host name that resolves to this machine does not reach the hub', async (t) => {
  const hub = await TestHub.open(t)
  const status = (host: string) =>
    new Promise((resolve, reject) =>
      request({ host: '127.0.0.1', port: hub.port, path: '/health', headers: { host } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end(),
    )
  for (const host of ['localhost', `127.0.0.1:${hub.port}`, '[::1]:3001'])
    assert.equal(await status(host), 200)
  for (const host of [
    'evil.example',
    'evil.example:3001',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ])
    assert.equal(await status(host), 403, host)
})

test('an agent is followed from any event, across restarts of the hub, without gaps or duplicates', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 20_000))
  const first = await follow(hub, '/api/agents/a/stream')
  await first.received('activity', 2000)
  daemon.send(frameOf('a', 20_000, 20_100))
  await first.received('activity', 2010)
  first.close()
  const { id } = first.of('activity')[1234]!
  assert.equal(id, '12340.0')
  await hub.restart()
  const again = await hub.daemon({ agents: [statusOf('a', { revision: 2, state: 'working' })] })
  const second = await follow(hub, '/api/agents/a/stream', { 'last-event-id': id! })
  again.send(frameOf('a', 20_100, 20_200))
  await second.received('activity', 2020 - 1235)
  assert.deepEqual(
    second.of('activity').map(({ data }) => (data as Event).offset),
    Array.from({ length: 2020 - 1235 }, (_, n) => 12_350 + n * 10),
  )
  assert.equal(((await second.received('status')).data as HubAgent).state, 'working')
  const third = await follow(hub, '/api/agents/a/stream?after=20180.0')
  assert.equal((await third.received('activity')).id, '20190.0')
  again.send({ type: 'agent:status', ...statusOf('a', { revision: 3, state: 'exited' }) })
  const { data } = await third.received('status', 2)
  assert.equal((data as HubAgent).state, 'exited')
  for (const each of [second, third]) each.close()
})

test('a client that stops reading and continues later misses no event', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  for (let at = 0; at < 1_000_000; at += 1000) daemon.send(frameOf('a', at, at + 1000, 20))
  await daemon.acknowledged('a', 1_000_000)
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
    request(
      `${hub.url}/api/agents/a/stream`,
      { headers: { authorization: `Bearer ${hub.key('user')}` } },
      resolve,
    )
      .on('error', reject)
      .end(),
  )
  response.pause()
  for (let at = 1_000_000; at < 1_100_000; at += 1000) daemon.send(frameOf('a', at, at + 1000, 20))
  await daemon.acknowledged('a', 1_100_000)
  const ids: number[] = []
  let rest = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.startsWith('id: ')) ids.push(Number.parseFloat(line.slice(4)))
  })
  response.resume()
  await until(() => ids.length >= 55_000, { what: 'all events' })
  response.destroy()
  assert.deepEqual(
    ids,
    Array.from({ length: 55_000 }, (_, n) => n * 20),
  )
})

test('when thousands of agents change at once, each agent is shown in its current state', async (t) => {
  const hub = await TestHub.open(t)
  const agents = Array.from({ length: 2500 }, (_, n) => statusOf(`a${n}`))
  const daemon = await hub.daemon({ agents })
  const stream = await follow(hub, '/api/stream')
  const shown = (connected: boolean) => {
    const newest = new Map(
      stream.of('agent').map(({ data }) => [(data as HubAgent).agent_id, (data as HubAgent).connected]),
    )
    return [...newest.values()].filter((each) => each === connected).length
  }
  await until(() => shown(true) === agents.length, { what: 'all agents' })
  await daemon.close()
  await until(() => shown(false) === agents.length, { what: 'all agents shown as not connected' })
})

test('machines and agents are shown in their current state, then as they change', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const stream = await follow(hub, '/api/stream')
  assert.equal(((await stream.received('machine')).data as HubMachine).connected, true)
  assert.equal(((await stream.received('agent')).data as HubAgent).agent_id, 'a')
  daemon.send({ type: 'agent:status', ...statusOf('b') })
  assert.equal(((await stream.received('agent', 2)).data as HubAgent).agent_id, 'b')
  await daemon.close()
  await until(() => stream.of('machine').some(({ data }) => !(data as HubMachine).connected), {
    what: 'the end of the connection',
  })
  await until(() => stream.of('agent').filter(({ data }) => !(data as HubAgent).connected).length === 2, {
    what: 'agents shown as not connected',
  })
  assert.equal((await hub.request('DELETE', '/api/machines/machine-1')).status, 200)
  await stream.received('agent_removed', 2)
  await hub.stop()
  await until(() => stream.ended, { what: 'the end of the stream' })
})
