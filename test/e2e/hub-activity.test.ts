import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Event, EventPage, HubAgent, HubMachine } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, helloOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

const offsets = (events: Event[]) => events.map(({ offset }) => offset)

const steps = (to: number, step = 10) => Array.from({ length: to / step }, (_, n) => n * step)

test('unknown data from a newer daemon is kept and passed on without an error', async (t) => {
  const hub = await TestHub.open(t)
  const problem = { code: 'too_hot', severity: 'warning' as const, message: 'Hot.', since: '' }
  const { machine } = helloOf()
  const daemon = await hub.daemon({
    machine: { ...machine, problems: [problem] },
    agents: [statusOf('a')],
  })
  const events = [
    { kind: 'weather', offset: 0, index: 0, forecast: [{ rain: true }] },
    { kind: 'text', offset: 5, index: 0, text: 'hello' },
  ]
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 10, events })
  await daemon.acknowledged('a', 10)
  assert.deepEqual(await hub.events('a'), events)
  assert.deepEqual(daemon.ofType('protocol:error'), [])
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.deepEqual(machines[0]?.status.problems, [problem])
})

test('unfinished files of a killed hub are deleted at the next start', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 10))
  await daemon.acknowledged('a', 10)
  await hub.stop()
  // This number is higher than any process id.
  const half = ['commands.jsonl', 'agents/a/agent.json'].map((name) => `${hub.dir}/${name}.4194305.tmp`)
  for (const path of half) writeFileSync(path, '{"ver')
  await hub.start()
  await until(() => !half.some((path) => existsSync(path)), { what: 'the end of the unfinished files' })
})

test('repeated, overlapping, and missing frames yield each event once, in order', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 100))
  daemon.send(frameOf('a', 0, 100))
  daemon.send(frameOf('a', 50, 150))
  daemon.send(frameOf('a', 200, 300))
  daemon.send(frameOf('a', 300, 400))
  assert.deepEqual(await daemon.received('agent:resend'), { type: 'agent:resend', agent_id: 'a', from: 150 })
  daemon.send(frameOf('a', 150, 400))
  await daemon.acknowledged('a', 400)
  daemon.send(frameOf('a', 100, 200))
  await daemon.settled()
  assert.deepEqual(offsets(await hub.events('a')), steps(400))
  assert.equal(daemon.ofType('agent:resend').length, 1)
})

test('if a text begins before the stored offset and ends after it, the hub requests only the missing part', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const delta = (offset: number, text: string): Event => ({
    kind: 'text_delta',
    offset,
    index: 0,
    block: 0,
    text,
  })
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 10, events: [delta(0, 'a')] })
  await daemon.acknowledged('a', 10)
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 30, events: [delta(0, 'abc')] })
  assert.equal((await daemon.received('agent:resend')).from, 10)
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 10, to: 30, events: [delta(10, 'bc')] })
  await daemon.acknowledged('a', 30)
  const said = (await hub.events('a')).map((event) => (event.kind === 'text_delta' ? event.text : ''))
  assert.equal(said.join(''), 'abc')
})

test('the hub does not wait for data that a machine no longer has', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a', { begin: 500 })] })
  daemon.send(frameOf('a', 500, 600))
  await daemon.acknowledged('a', 600)
  assert.equal(daemon.ofType('agent:resend').length, 0)
})

test('the hub keeps the old and the new history of a restored machine, even if the daemon does not notice the restore', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  for (let at = 0; at < 500; at += 100) daemon.send(frameOf('a', at, at + 100))
  await daemon.acknowledged('a', 500)
  const { capabilities } = helloOf()
  const older = {
    instance_id: 'after',
    capabilities: capabilities.filter((name) => name !== 'journal:generations'),
    agents: [statusOf('a', { end: 250, revision: 9 })],
  }
  const after = await hub.daemon(older)
  assert.deepEqual(after.offsets, { a: 250 })
  after.send(frameOf('a', 250, 300))
  // In the machine's offsets, these frames overlap, leave a gap, or repeat.
  after.send(frameOf('a', 280, 320))
  after.send(frameOf('a', 400, 500))
  assert.equal((await after.received('agent:resend')).from, 320)
  after.send(frameOf('a', 320, 350))
  await after.acknowledged('a', 350)
  const expected = [...steps(500), 500, ...steps(100).map((offset) => offset + 501)]
  const events = await hub.events('a')
  assert.deepEqual(offsets(events), expected)
  assert.deepEqual(events[50], { kind: 'set_back', offset: 500, index: 0, from: 250, to: 500 })
  const { offset, end } = await hub.api<HubAgent>('GET', '/api/agents/a')
  assert.deepEqual([offset, end], [601, 501])
  await hub.restart()
  const next = await hub.daemon({ ...older, agents: [statusOf('a', { end: 350 })] })
  assert.deepEqual(next.offsets, { a: 350 })
  next.send(frameOf('a', 350, 360))
  await next.acknowledged('a', 360)
  assert.deepEqual(offsets(await hub.events('a', 7)), [...expected, 601])
})

test('the hub reports the generation of each journal, and never truncates a journal', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a'), statusOf('b')] })
  daemon.send(frameOf('a', 0, 500))
  await daemon.acknowledged('a', 500)
  const set = { instance_id: 'set back', agents: [statusOf('a', { end: 250 })] }
  const after = await hub.daemon(set)
  assert.deepEqual(after.frames[0], { ...after.frames[0], offsets: { a: 500 }, journals: {} })
  after.send({ ...frameOf('a', 500, 600), journal: 'second' })
  await after.acknowledged('a', 600)
  // An older daemon, which sends no generations, has replaced the daemon.
  after.send(frameOf('a', 600, 700))
  await after.acknowledged('a', 700)
  await hub.restart()
  const again = await hub.daemon({ ...set, agents: [statusOf('a', { journal: 'second', end: 700 })] })
  assert.deepEqual(again.frames[0], {
    ...again.frames[0],
    offsets: { a: 700 },
    journals: { a: 'second' },
  })
  assert.deepEqual(offsets(await hub.events('a')), steps(700))
})

test('the hub requests the whole journal from a daemon that cannot continue from its offset', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 500))
  await daemon.acknowledged('a', 500)
  const after = await hub.daemon({ instance_id: 'a copy', agents: [statusOf('a')] })
  const refusal = { type: 'protocol:error', code: 'invalid', message: '', of_type: 'server:welcome' }
  for (const path of ['offsets.nobody', 'offsets.constructor', 'offsets.']) after.send({ ...refusal, path })
  after.send({ ...refusal, path: 'offsets.a' })
  assert.deepEqual(await after.received('agent:resend'), { type: 'agent:resend', agent_id: 'a', from: 0 })
  after.send(frameOf('a', 0, 30))
  await after.acknowledged('a', 30)
  assert.deepEqual(offsets(await hub.events('a')), [...steps(500), 500, 501, 511, 521])
})

test('history is read in pages, from any event', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  // These are several thousand lines, more than the hub searches in one read.
  for (let at = 0; at < 60_000; at += 30) daemon.send(frameOf('a', at, at + 30))
  await daemon.acknowledged('a', 60_000)
  assert.deepEqual(offsets(await hub.events('a', 777)), steps(60_000))
  for (const from of [0, 10, 29_990, 45_670, 59_980]) {
    const { events } = await hub.api<{ events: Event[] }>(
      'GET',
      `/api/agents/a/events?after=${from}.0&limit=2`,
    )
    assert.deepEqual(
      offsets(events),
      [from + 10, from + 20].filter((offset) => offset < 60_000),
    )
  }
  assert.deepEqual(await hub.api('GET', '/api/agents/a/events?after=59990.0'), { events: [] })
})

test('history is read backward in pages, from the newest event to the first', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  for (let at = 0; at < 60_000; at += 30) daemon.send(frameOf('a', at, at + 30))
  await daemon.acknowledged('a', 60_000)
  const page = (before: string, limit = 777) =>
    hub.api<EventPage>('GET', `/api/agents/a/events?before=${before}&limit=${limit}`)
  let all: number[] = []
  for (let before: string | undefined = 'end'; before !== undefined; ) {
    const { events, previous, ...rest }: EventPage = await page(before)
    assert.deepEqual(rest, {})
    all = [...offsets(events as Event[]), ...all]
    before = previous
  }
  assert.deepEqual(all, steps(60_000))
  for (const from of [10, 29_990, 45_670]) {
    const { events, previous } = await page(`${from}.0`, 1)
    assert.deepEqual(
      [offsets(events as Event[]), previous],
      [[from - 10], from === 10 ? undefined : `${from - 10}.0`],
    )
  }
  assert.deepEqual(await page('0.0'), { events: [] })
  for (const query of ['before=x', 'before=', 'before=1.0&after=2.0', 'before=1.0&before=2.0'])
    assert.equal((await hub.request('GET', `/api/agents/a/events?${query}`)).status, 400)
})

test('a restarted hub has everything that it acknowledged, and drops a torn last line', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 100))
  await daemon.acknowledged('a', 100)
  await hub.stop()
  appendFileSync(`${hub.dir}/agents/a/activity.jsonl`, '{"from":100,"to":200,"events":[{"off')
  await hub.start()
  const { agents } = await hub.api<{ agents: HubAgent[] }>('GET', '/api/agents')
  assert.deepEqual(
    agents.map(({ agent_id, connected, offset }) => ({ agent_id, connected, offset })),
    [{ agent_id: 'a', connected: false, offset: 100 }],
  )
  const again = await hub.daemon({ agents: [statusOf('a')] })
  assert.deepEqual(again.offsets, { a: 100 })
  again.send(frameOf('a', 100, 200))
  await again.acknowledged('a', 200)
  assert.deepEqual(offsets(await hub.events('a')), steps(200))
})

test('damaged files are renamed, and the hub starts', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 100))
  await daemon.acknowledged('a', 100)
  await hub.stop()
  for (const file of [
    'keys.json',
    'machines.json',
    'commands.jsonl',
    'agents/a/agent.json',
    'agents/a/activity.jsonl',
  ])
    writeFileSync(`${hub.dir}/${file}`, '\0nonsense\n')
  await hub.start()
  const aside = [...readdirSync(hub.dir), ...readdirSync(`${hub.dir}/agents/a`)]
  assert.equal(aside.filter((name) => name.includes('.damaged-')).length, 4)
  const again = await hub.daemon({ agents: [statusOf('a')] })
  assert.deepEqual(again.offsets, { a: 0 })
  again.send(frameOf('a', 0, 100))
  await again.acknowledged('a', 100)
  assert.deepEqual(offsets(await hub.events('a')), steps(100))
})

test('the newest revision of a status wins, and agents that no longer exist stay readable until they are removed', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a'), statusOf('b')] })
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 5, state: 'working' }) })
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 4, state: 'failed' }) })
  daemon.send(frameOf('b', 0, 100))
  await daemon.acknowledged('b', 100)
  assert.equal((await hub.api<HubAgent>('GET', '/api/agents/a')).state, 'working')
  await hub.daemon({ instance_id: 'next', agents: [statusOf('a', { revision: 6 })] })
  assert.equal((await hub.api<HubAgent>('GET', '/api/agents/b')).gone, true)
  assert.equal((await hub.events('b')).length, 10)
  await hub.restart()
  assert.equal((await hub.api<HubAgent>('GET', '/api/agents/b')).gone, true)
  assert.equal((await hub.request('POST', '/api/agents/b/remove')).status, 200)
  assert.equal((await hub.request('GET', '/api/agents/b')).status, 404)
  await until(() => readdirSync(`${hub.dir}/agents`).join() === 'a', { what: 'the history to be deleted' })
})
