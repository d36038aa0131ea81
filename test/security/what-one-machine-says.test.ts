import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { test } from 'node:test'
import { Limits, type Outcome, parseFromDaemon } from '../../src/protocol/index.ts'
import { agentsIn, leftAgent } from '../support/agents.ts'
import { TestHub } from '../support/hub.ts'
import { helloOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { memoryLog } from '../support/memory-log.ts'
import { tempDir } from '../support/temp.ts'

const LONG = 'x'.repeat(4_000_000)
const COUNT = 600
const request = { ask: 'tool' as const, tool: 'Bash', input: { command: LONG } }

test('an overlong status of a machine is shortened, and the statuses of other machines stay unchanged', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('good')] })
  const { machine } = helloOf()
  const talker = await hub.daemon({
    machine_id: 'machine-2',
    hostname: LONG,
    machine: { ...machine, update: { output: LONG } },
    agents: [statusOf('bad', { model: LONG, pending: [{ ...request, request_id: 'r' }] })],
  })
  const many = Array.from({ length: 3000 }, (_, n) => ({
    request_id: `r-${n}`,
    ask: 'tool' as const,
    tool: 'Bash',
    input: { command: 'y'.repeat(1000) },
  }))
  talker.send({ type: 'agent:status', ...statusOf('worse', { pending: many, state: 'waiting' }) })
  await talker.settled()
  for (const path of ['/api/agents', '/api/machines']) {
    const text = await (await hub.request('GET', path)).text()
    assert.ok(text.length < 2_000_000, `${path}: ${text.length}`)
  }
  const { agents } = await hub.api<{ agents: { agent_id: string; model?: string; pending: object[] }[] }>(
    'GET',
    '/api/agents',
  )
  assert.deepEqual(agents.map(({ agent_id }) => agent_id).sort(), ['bad', 'good', 'worse'])
  const bad = agents.find(({ agent_id }) => agent_id === 'bad')
  assert.equal(bad?.model?.length, Limits.name_chars)
  assert.deepEqual(bad?.pending, [
    { request_id: 'r', ask: 'tool', tool: 'Bash', input: {}, input_omitted: true },
  ])
  assert.equal(agents.find(({ agent_id }) => agent_id === 'worse')?.pending.length, Limits.pending)
})

test('a list of limited size shows all agents, even if many of them have long statuses', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('good', { title: 'Good' })] })
  const talker = await hub.daemon({ machine_id: 'machine-2' })
  const pending = [{ ...request, request_id: 'r', input: { command: 'x'.repeat(60_000) } }]
  for (let n = 0; n < COUNT; n++)
    talker.send({ type: 'agent:status', ...statusOf(`bad-${n}`, { state: 'waiting', pending }) })
  await talker.settled()
  const list = async () => (await hub.request('GET', '/api/agents')).text()
  const text = await list()
  assert.ok(text.length < 1.2 * Limits.frame_bytes, String(text.length))
  type Listed = { agent_id: string; title?: string; pending: object[]; pending_omitted?: number }
  const { agents } = JSON.parse(text) as { agents: Listed[] }
  assert.equal(agents.length, COUNT + 1)
  assert.equal(agents.find(({ agent_id }) => agent_id === 'good')?.title, 'Good')
  for (const { agent_id, pending, pending_omitted = 0 } of agents.slice(1))
    assert.equal(pending.length + pending_omitted, 1, agent_id)
  // The shorter statuses free the space again.
  for (let n = 0; n < COUNT; n++)
    talker.send({ type: 'agent:status', ...statusOf(`bad-${n}`, { revision: 2, title: 'Short' }) })
  talker.send({ type: 'agent:status', ...statusOf('bad-599', { revision: 3, state: 'waiting', pending }) })
  await talker.settled()
  const last = await hub.api<Listed>('GET', '/api/agents/bad-599')
  assert.equal(last.pending.length, 1)
})

test('the length of text that needs escapes includes the escapes, and the text is shown unchanged', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ agents: [statusOf('good', { title: 'Good' })] })
  const { machine } = helloOf()
  const problem = { code: 'x', severity: 'error' as const, message: '\x7f'.repeat(16_000), since: '' }
  const talker = await hub.daemon({
    machine_id: 'machine-2',
    hostname: '\u202e'.repeat(1000),
    machine: { ...machine, problems: Array.from({ length: 20 }, () => problem) },
  })
  const pending = (chars: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      ...request,
      request_id: `r-${n}`,
      input: { command: '\u202e'.repeat(chars) },
    }))
  for (let n = 0; n < 8; n++)
    talker.send({
      type: 'agent:status',
      ...statusOf(`bad-${n}`, { state: 'waiting', pending: pending(60_000, 16) }),
    })
  // Send requests that are each short enough, but together longer than a list may be.
  for (let n = 0; n < 60; n++)
    talker.send({
      type: 'agent:status',
      ...statusOf(`many-${n}`, { state: 'waiting', pending: pending(10_000, 16) }),
    })
  talker.send({
    type: 'agent:status',
    ...statusOf('asks', { state: 'waiting', pending: pending(100, 1) }),
  })
  await talker.settled()
  const list = await (await hub.request('GET', '/api/agents')).text()
  assert.ok(list.length < 1.2 * Limits.frame_bytes, String(list.length))
  const { agents } = JSON.parse(list) as { agents: { agent_id: string; title?: string; pending: object[] }[] }
  assert.equal(agents.length, 70)
  const of = (id: string) => agents.find(({ agent_id }) => agent_id === id)
  assert.equal(of('good')?.title, 'Good')
  assert.deepEqual(of('asks')?.pending, pending(100, 1))
  const machines = await (await hub.request('GET', '/api/machines')).text()
  assert.ok(machines.length < 200_000, String(machines.length))
  // In contrast to a status, an event is shown in full.
  const text = `\u{1f600}${'\x7f\u{1f600}'.repeat(500_000)}`
  const event = { kind: 'text', offset: 0, index: 0, text }
  talker.send({ type: 'agent:activity', agent_id: 'asks', from: 0, to: 10, events: [event] })
  await talker.acknowledged('asks', 10)
  assert.deepEqual(await hub.events('asks'), [event])
})

test('an event with an overlong id is stored as unreadable, and later events are stored', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send({
    type: 'agent:activity',
    agent_id: 'a',
    from: 0,
    to: 20,
    events: [
      { kind: 'tool_use', offset: 0, index: 0, tool_use_id: 't', tool: LONG, input: {} },
      { kind: 'text', offset: 10, index: 0, text: 'Done.' },
    ],
  })
  await daemon.acknowledged('a', 20)
  const kinds = (await hub.events('a')).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['unreadable', 'text'])
})

test('a frame with very many events is stored and shown like any other', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const count = 300_000
  const events = Array.from({ length: count }, (_, index) => ({ kind: 'x', offset: 0, index }))
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 10, events })
  await daemon.acknowledged('a', 10)
  const page = await hub.request('GET', '/api/agents/a/events?limit=10')
  assert.equal(page.status, 200)
  assert.equal(((await page.json()) as { next?: string }).next, '0.9')
})

test('an overlong result is stored with only the fields that the hub knows', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon()
  const answered = async (agent_id: string, result: object) => {
    const outcome = hub.api<Outcome>('POST', '/api/agents', { agent_id, spec: { cwd: '/' } })
    daemon.answer(await daemon.command('agent:start', daemon.ofType('agent:start').length + 1), result)
    return (await outcome).result
  }
  assert.deepEqual(await answered('a', { pid: 1, newer: 'x' }), { pid: 1, newer: 'x' })
  assert.deepEqual(await answered('b', { pid: 2, newer: LONG }), { pid: 2 })
  assert.deepEqual(await answered('c', { pid: LONG }), {})
})

test('a daemon keeps its agents’ messages within the limits', (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()
  const line = (what: object) => appendFileSync(at('activity.jsonl'), `${JSON.stringify(what)}\n`)
  line({ type: 'system', subtype: 'init', session_id: 's', model: 'm', permissionMode: 'x'.repeat(1000) })
  line({ type: 'assistant', message: { content: [{ type: 'tool_use', id: 't', name: LONG, input: {} }] } })
  line({ type: 'result', subtype: 'success', is_error: true, result: LONG })
  const agents = agentsIn(dir)
  t.after(() => agents.close())
  agents.adopt()
  const agent = agents.get('a')
  agent.rewind(0)
  const { more: _, ...frame } = agent.read(100_000_000) ?? assert.fail()
  assert.deepEqual(
    frame.events.slice(0, 4).map(({ kind }) => kind),
    ['process_started', 'session', 'unreadable', 'turn_result'],
  )
  const status = { type: 'agent:status', ...agent.status() }
  for (const message of [{ type: 'agent:activity', agent_id: 'a', ...frame }, status])
    assert.deepEqual(parseFromDaemon(JSON.stringify(message)), { ok: true, message })
})

test('a machine that keeps making mistakes neither fills the log nor hides other machines’ mistakes', async (t) => {
  const { logger, lines } = memoryLog()
  const hub = await TestHub.open(t, { logger })
  for (let n = 0; n < 4; n++) {
    const daemon = await hub.daemon({ machine_id: 'bad' })
    for (let i = 0; i < 15; i++) {
      daemon.send('{')
      daemon.send({ type: 'protocol:error', code: 'invalid', message: `No ${i}.` })
    }
    await daemon.settled()
    await daemon.close()
  }
  const nameless = await LightDaemon.dial(hub.url, await hub.enroll())
  for (let i = 0; i < 15; i++) nameless.send('{')
  await nameless.settled()
  nameless.socket.terminate()
  const good = await hub.daemon({ machine_id: 'good' })
  good.send('{')
  await good.settled()
  const said = (message: string, machine?: string) =>
    lines.filter(({ msg, machine_id }) => msg === message && machine_id === machine).length
  assert.deepEqual(
    [
      said('received an invalid frame', 'bad'),
      said('received an invalid frame'),
      said('received an invalid frame', 'good'),
      said('the daemon rejected a frame', 'bad'),
      said('machine connected', 'bad'),
    ],
    [10, 10, 1, 10, 4],
  )
  await hub.stop()
  assert.equal(lines.find(({ msg }) => msg === 'received an invalid frame, again')?.times, 50)
})
