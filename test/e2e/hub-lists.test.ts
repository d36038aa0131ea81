import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HubAgent, HubKey, HubMachine, NewKey } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

interface AgentPage {
  agents: HubAgent[]
  next?: string
}
interface MachinePage {
  machines: HubMachine[]
  enrolled?: HubKey[]
  next?: string
}

const agentsIn = (hub: TestHub, query: string) => hub.api<AgentPage>('GET', `/api/agents?${query}`)
const machinesIn = (hub: TestHub, query: string) => hub.api<MachinePage>('GET', `/api/machines?${query}`)
const idsOf = ({ agents }: AgentPage) => agents.map(({ agent_id }) => agent_id)
const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => statusOf(`${prefix}${n}`))

/** Returns a function that reports whether an answer is still the same, according to its `ETag`. */
async function remember(hub: TestHub, path: string, headers: Record<string, string> = {}) {
  const first = await hub.request('GET', path, undefined, headers)
  await first.text()
  const etag = first.headers.get('etag') ?? ''
  return async () => {
    const again = await hub.request('GET', path, undefined, { ...headers, 'if-none-match': etag })
    assert.equal(again.status === 304, (await again.text()) === '')
    return again.status === 304
  }
}

test('pages contain each agent once, even if agents come and go and the hub restarts between two pages', async (t) => {
  const hub = await TestHub.open(t)
  const first = await hub.daemon({ agents: named('a', 12) })
  await hub.daemon({ machine_id: 'machine-2', hostname: 'host-2', agents: named('a', 12) })
  const found: string[] = []
  const sizes: number[] = []
  let after = ''
  for (let next: string | undefined = ''; next !== undefined; ) {
    const page: AgentPage = await agentsIn(hub, `limit=10${after}`)
    found.push(...page.agents.map(({ machine_id, agent_id }) => `${machine_id} ${agent_id}`))
    sizes.push(page.agents.length)
    next = page.next
    after = `&after=${next}`
    if (sizes.length === 1) {
      first.send({ type: 'agent:status', ...statusOf('a00') })
      await first.settled()
      await hub.restart()
    }
  }
  assert.deepEqual(sizes, [10, 10, 4])
  const all = (await agentsIn(hub, '')).agents.map(({ machine_id, agent_id }) => `${machine_id} ${agent_id}`)
  assert.deepEqual(
    found,
    all.filter((each) => each !== 'machine-1 a00').sort(),
    'agents that existed all the time',
  )
})

test('the first page of machines also contains the keys that no machine has used', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon()
  await (await hub.daemon({ machine_id: 'machine-0', hostname: 'host-0' })).close()
  await hub.enroll('unused')
  const first = await machinesIn(hub, 'limit=1&fields=hostname')
  assert.deepEqual(first.machines, [{ machine_id: 'machine-0', hostname: 'host-0' }])
  assert.deepEqual(
    first.enrolled?.map(({ name }) => name),
    ['unused'],
  )
  const second = await machinesIn(hub, `limit=1&after=${first.next}`)
  assert.deepEqual(
    second.machines.map(({ machine_id, agents }) => [machine_id, agents]),
    [['machine-1', 0]],
  )
  assert.equal(second.enrolled, undefined)
  assert.equal(second.next, undefined)
  assert.deepEqual(
    (await machinesIn(hub, 'connected=false')).machines.map(({ machine_id }) => machine_id),
    ['machine-0'],
  )
})

test('filters and fields select agents and parts of them', async (t) => {
  const hub = await TestHub.open(t)
  const pending = [{ request_id: 'r', ask: 'tool' as const, tool: 'Bash', input: { command: 'ls' } }]
  await hub.daemon({ agents: [statusOf('idle'), statusOf('waiting', { state: 'waiting', pending })] })
  const other = await hub.daemon({ machine_id: 'machine-2', hostname: 'host-2', agents: [statusOf('other')] })
  await other.close()
  assert.deepEqual(idsOf(await agentsIn(hub, 'state=waiting,working')), ['waiting'])
  assert.deepEqual(idsOf(await agentsIn(hub, 'pending=true')), ['waiting'])
  assert.deepEqual(idsOf(await agentsIn(hub, 'machine_id=machine-2')), ['other'])
  assert.deepEqual(idsOf(await agentsIn(hub, 'connected=false')), ['other'])
  assert.deepEqual(idsOf(await agentsIn(hub, 'limit=1&state=idle&connected=true')), ['idle'])
  assert.deepEqual(await agentsIn(hub, 'fields=state,machine_name&pending=true'), {
    agents: [{ agent_id: 'waiting', state: 'waiting', machine_id: 'machine-1', machine_name: 'host-1' }],
  })
})

test('an invalid query of a list or of the stream of lists is answered with the name of the parameter', async (t) => {
  const hub = await TestHub.open(t)
  for (const [path, parameter] of [
    ['/api/agents?state=asleep', 'state'],
    ['/api/agents?limit=none', 'limit'],
    ['/api/agents?after=%F0%9F', 'after'],
    ['/api/machines?connected=maybe', 'connected'],
    ['/api/machines?fields=%00', 'fields'],
    ['/api/stream?fields=', 'fields'],
    ['/api/stream?machine_id=a&machine_id=b', 'machine_id'],
  ]) {
    const answer = await hub.request('GET', path!)
    const { error } = (await answer.json()) as { error: { code: string; path: string } }
    assert.deepEqual([answer.status, error.code, error.path], [400, 'invalid_request', parameter], path)
  }
})

test('the tag of the list of agents changes with each change that the list shows', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const changes: [string, () => Promise<unknown>][] = [
    [
      'a status',
      () => {
        daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 2, state: 'working' }) })
        return daemon.settled()
      },
    ],
    [
      'activity',
      () => {
        daemon.send(frameOf('a', 0, 10))
        return daemon.acknowledged('a', 10)
      },
    ],
    ['the name of a machine', () => hub.api('PATCH', '/api/machines/machine-1', { name: 'renamed' })],
    ['the end of a connection', () => daemon.close()],
    ['the removal of a machine', () => hub.api('DELETE', '/api/machines/machine-1')],
    ['a restart', () => hub.restart()],
  ]
  for (const [what, change] of changes) {
    const whole = await remember(hub, '/api/agents')
    const states = await remember(hub, '/api/agents?fields=state')
    assert.deepEqual([await whole(), await states()], [true, true], `before ${what}`)
    await change()
    await until(async () => !(await whole()), { what: `another tag after ${what}` })
    assert.equal(await states(), what === 'activity', what)
  }
})

test('the tag of the list of machines changes with their agents, histories, and keys', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const same = await remember(hub, '/api/machines')
  assert.equal(await same(), true)
  await hub.enroll('unused')
  assert.equal(await same(), false)
  const names = await remember(hub, '/api/machines?fields=name')
  const usage = await remember(hub, '/api/machines?fields=agents')
  daemon.send(frameOf('unreported', 0, 10))
  await daemon.acknowledged('unreported', 10)
  assert.deepEqual([await names(), await usage()], [true, false])
})

test('a tag belongs to one query, and to the rights of one role', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('a')] })
  const viewer = await hub.api<NewKey>('POST', '/api/keys', { name: 'viewer', role: 'viewer' })
  const tagOf = async (path: string, key = hub.key('user')) =>
    (await hub.request('GET', path, undefined, { authorization: `Bearer ${key}` })).headers.get('etag')
  const tags = [
    await tagOf('/api/agents'),
    await tagOf('/api/agents', viewer.key),
    await tagOf('/api/agents?limit=10'),
    await tagOf('/api/agents?state=idle'),
    await tagOf('/api/agents?fields=state'),
    await tagOf('/api/machines'),
  ]
  assert.equal(new Set(tags).size, tags.length)
  assert.equal(await tagOf('/api/agents'), tags[0])
})

test('a long list is compressed for clients that accept it, and its text stays the same', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: named('a', 500) })
  const plain = await hub.request('GET', '/api/agents', undefined, { 'accept-encoding': 'identity' })
  const compressed = await hub.request('GET', '/api/agents', undefined, { 'accept-encoding': 'gzip' })
  assert.equal(plain.headers.get('content-encoding'), null)
  assert.equal(compressed.headers.get('content-encoding'), 'gzip')
  assert.match(compressed.headers.get('vary') ?? '', /accept-encoding/)
  const [length, text] = [Number(compressed.headers.get('content-length')), await plain.text()]
  assert.ok(length < text.length / 5, `${length} of ${text.length} bytes`)
  assert.equal(await compressed.text(), text)
  const short = await hub.request('GET', '/api/agents?limit=1', undefined, { 'accept-encoding': 'gzip' })
  assert.equal(short.headers.get('content-encoding'), null)
})
