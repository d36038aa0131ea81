import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HubAgent, HubMachine } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { type LightDaemon, statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'
import { SseReader } from '../support/sse-reader.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'

/** Follows the lists. @param after id of the last event; by default, a stream begins */
async function follow(t: Cleanup, hub: TestHub, { after = '', query = 'after=0' } = {}) {
  const stream = await SseReader.open(`${hub.url}/api/stream?${query}`, {
    authorization: `Bearer ${hub.key('user')}`,
    ...(after && { 'last-event-id': after }),
  })
  t.after(() => stream.close())
  return stream
}

/** Returns the events of a stream in short form, such as `agent a@machine-1`. */
const shortOf = (stream: SseReader) =>
  stream.messages.map(({ event, data }) => {
    const { agent_id, machine_id } = data as Partial<HubAgent>
    return [event, [agent_id, machine_id].filter(Boolean).join('@')].filter(Boolean).join(' ')
  })

const lastId = (stream: SseReader) => stream.messages.findLast(({ id }) => id !== undefined)?.id ?? ''

const change = (daemon: LightDaemon, agentId: string, revision: number) =>
  daemon.send({ type: 'agent:status', ...statusOf(agentId, { revision, title: `${revision}` }) })

const SECOND = { machine_id: 'machine-2', hostname: 'host-2' }

test('a stream begins with a reset and the current state, machines first', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('a')] })
  await hub.daemon({ ...SECOND, agents: [statusOf('b')] })
  const stream = await follow(t, hub)
  await stream.received('agent', 2)
  assert.deepEqual(shortOf(stream), [
    'reset',
    'machine machine-1',
    'machine machine-2',
    'agent a@machine-1',
    'agent b@machine-2',
  ])
})

test('a client that reconnects gets only the changes in the meantime', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: ['a', 'b', 'c', 'd'].map((id) => statusOf(id)) })
  const first = await follow(t, hub)
  await first.received('agent', 4)
  first.close()
  change(daemon, 'b', 2)
  change(daemon, 'c', 2)
  change(daemon, 'b', 3)
  await daemon.settled()
  const second = await follow(t, hub, { after: lastId(first) })
  await second.received('agent', 2)
  change(daemon, 'd', 2)
  const { data } = await second.received('agent', 3)
  assert.equal((data as HubAgent).title, '2')
  assert.deepEqual(shortOf(second), ['agent c@machine-1', 'agent b@machine-1', 'agent d@machine-1'])
  assert.equal(new Set(second.messages.map(({ id }) => id)).size, 3)
})

test('a client that is interrupted while it gets the current state gets the rest when it reconnects', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: Array.from({ length: 300 }, (_, n) => statusOf(`a${n}`)) })
  const first = await follow(t, hub)
  await first.received('agent', 300)
  change(daemon, 'a5', 2)
  await first.received('agent', 301)
  const begin = first.messages.slice(0, 100)
  const second = await follow(t, hub, { after: begin.at(-1)!.id! })
  const known = () =>
    new Set([...begin, ...second.messages].flatMap(({ data }) => (data as Partial<HubAgent>).agent_id ?? []))
  await until(() => known().size === 300, { what: 'the remaining agents' })
  assert.deepEqual(second.of('reset'), [])
  assert.ok(second.of('agent').length < 300)
})

test('a client that reconnects learns which machines and agents were removed in the meantime', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('kept')] })
  const second = await hub.daemon({ ...SECOND, agents: [statusOf('lost')] })
  const stream = await follow(t, hub)
  await stream.received('agent', 2)
  stream.close()
  await second.close()
  assert.equal((await hub.request('DELETE', '/api/machines/machine-2?force=true')).status, 200)
  const again = await follow(t, hub, { after: lastId(stream) })
  await again.received('machine_removed')
  assert.deepEqual(shortOf(again).sort(), ['agent_removed lost@machine-2', 'machine_removed machine-2'])
})

test('a stream of one machine shows an agent that moves there, and no longer shows it after it has moved away', async (t) => {
  const hub = await TestHub.open(t)
  await (await hub.daemon({ agents: [statusOf('a'), statusOf('b')] })).close()
  await (await hub.daemon({ ...SECOND, agents: [statusOf('c')] })).close()
  const [from, to] = await Promise.all(
    ['machine-1', 'machine-2'].map((id) => follow(t, hub, { query: `after=0&machine_id=${id}` })),
  )
  await from!.received('agent', 2)
  await to!.received('agent', 1)
  await hub.api('POST', '/api/agents/a/move', { machine_id: 'machine-2' })
  await from!.received('agent_removed')
  await to!.received('agent', 2)
  assert.deepEqual(shortOf(from!), [
    'reset',
    'machine machine-1',
    'agent a@machine-1',
    'agent b@machine-1',
    'agent_removed a@machine-1',
  ])
  assert.deepEqual(shortOf(to!), ['reset', 'machine machine-2', 'agent c@machine-2', 'agent a@machine-2'])
})

test('a stream with selected fields has only these fields', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('a')] })
  const stream = await follow(t, hub, { query: 'after=0&fields=state,hostname' })
  await stream.received('agent')
  assert.deepEqual(
    stream.messages.map(({ data }) => data),
    [
      {},
      { machine_id: 'machine-1', hostname: 'host-1' },
      { agent_id: 'a', machine_id: 'machine-1', state: 'idle' },
    ],
  )
})

test('a client whose last event the hub cannot place gets a reset and the current state', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('a')] })
  const before = await follow(t, hub)
  await before.received('agent')
  const [log] = lastId(before).split('.')
  await hub.restart()
  for (const after of [
    lastId(before),
    `${log}.999999999`,
    `${log}.-1`,
    `${log}.1e3`,
    'x'.repeat(100),
    '',
    '0',
  ]) {
    const stream = await follow(t, hub, { after })
    await stream.received('agent')
    assert.deepEqual(shortOf(stream), ['reset', 'machine machine-1', 'agent a@machine-1'], after)
  }
  const now = await follow(t, hub)
  await now.received('agent')
  const [name] = lastId(now).split('.')
  for (const after of [`${name}.999999999`, `${name}.0`]) {
    const stream = await follow(t, hub, { after })
    await stream.received('agent')
    assert.equal(stream.messages[0]?.event, 'reset', after)
  }
})

test('a client that missed too many removals gets a reset', async (t) => {
  const hub = await TestHub.open(t)
  const agents = (prefix: string) => Array.from({ length: 5001 }, (_, n) => statusOf(`${prefix}${n}`))
  await hub.daemon({ agents: [statusOf('kept')] })
  const stream = await follow(t, hub)
  await stream.received('agent')
  stream.close()
  for (const machine_id of ['a', 'b']) {
    await hub.daemon({ machine_id, hostname: machine_id, agents: agents(machine_id) })
    assert.equal((await hub.request('DELETE', `/api/machines/${machine_id}?force=true`)).status, 200)
  }
  const again = await follow(t, hub, { after: lastId(stream) })
  await again.received('agent')
  assert.deepEqual(shortOf(again), ['reset', 'machine machine-1', 'agent kept@machine-1'])
})

test('a client that does not ask for ids gets none, and no events that it does not know', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const stream = await follow(t, hub, { query: '' })
  await stream.received('agent')
  await daemon.close()
  await stream.received('agent', 2)
  await hub.request('DELETE', '/api/machines/machine-1')
  await stream.received('agent_removed')
  const other = await hub.daemon(SECOND)
  await until(() => stream.of('machine').some(({ data }) => (data as HubMachine).hostname === 'host-2'), {
    what: 'the next machine',
  })
  await other.close()
  assert.deepEqual(
    new Set(stream.messages.map(({ event }) => event)),
    new Set(['machine', 'agent', 'agent_removed']),
  )
  assert.ok(stream.messages.every(({ id }) => id === undefined))
})

test('an agent whose start succeeds is no longer shown as only reported by its machine', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon()
  const stream = await follow(t, hub)
  const started = hub.api('POST', '/api/agents', { agent_id: 'a', spec: { cwd: '/' } })
  const command = await daemon.command('agent:start')
  daemon.send({ type: 'agent:status', ...statusOf('a') })
  await stream.received('agent')
  daemon.answer(command, { pid: 1 })
  await started
  const { data } = await stream.received('agent', 2)
  assert.deepEqual(
    [stream.of('agent')[0]!.data as HubAgent, data as HubAgent].map(({ claimed }) => claimed),
    [true, undefined],
  )
})

test('a client may get agents with requests first and then the latest, and learns when it has the current state', async (t) => {
  const hub = await TestHub.open(t)
  const [a, b] = [statusOf('a'), statusOf('b', { since: '2100-01-01T00:00:00.000Z' })]
  const c = statusOf('c', { pending: [requestFor('r1', {})] })
  const daemon = await hub.daemon({ agents: [a, b, c] })
  const stream = await follow(t, hub, { query: 'after=0&first=2' })
  await stream.received('current')
  assert.deepEqual(shortOf(stream), [
    'reset',
    'agent c@machine-1',
    'agent b@machine-1',
    'machine machine-1',
    'agent a@machine-1',
    'agent b@machine-1',
    'agent c@machine-1',
    'current',
  ])
  change(daemon, 'a', 2)
  await stream.received('agent', 6)
  stream.close()
  const again = await follow(t, hub, { after: lastId(stream), query: 'first=2' })
  await again.received('current')
  assert.deepEqual(shortOf(again), ['current'])
})
