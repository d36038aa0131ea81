import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AgentStatus, Event } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import type { LightDaemon } from '../support/light-daemon.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

// A machine makes an agent whose id an earlier agent had, and the hub has a history of this id.

const OLD = Array.from({ length: 10 }, (_, n) => `at ${n * 10}`)

const texts = (events: Event[]) =>
  events.map((event) => (event.kind === 'text' ? event.text : `(${event.kind})`))

/** Opens a hub with 100 bytes of the agent `a`. Further connections of the machine have these agents. */
async function hubWithHistory(t: TestContext) {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send({ ...frameOf('a', 0, 100), journal: 'old' })
  await daemon.acknowledged('a', 100)
  const next = (...agents: AgentStatus[]) => hub.daemon({ instance_id: `${Math.random()}`, agents })
  return { hub, daemon, next }
}

/** Sends a journal of 60 bytes in frames that each contain one event. Sends it again as the hub requests. */
async function sendJournal(daemon: LightDaemon, journal?: string) {
  const before = daemon.frames.length
  const sendFrom = (start: number) => {
    for (let from = start; from < 60; from += 10)
      daemon.send({ ...frameOf('a', from, from + 10), ...(journal && { journal }) })
  }
  sendFrom(0)
  let asked = 0
  await until(
    () => {
      const answers = daemon.frames.slice(before)
      const resends = answers.filter(({ type }) => type === 'agent:resend')
      for (const { from } of resends.slice(asked)) sendFrom(from as number)
      asked = resends.length
      return answers.some(({ type, offsets }) => type === 'agent:ack' && (offsets as { a?: number }).a === 60)
    },
    { what: 'the acknowledgment of the whole journal' },
  )
}

const NEW = OLD.slice(0, 6)

for (const journal of ['new', undefined])
  test(`the hub keeps the history of an agent, and adds the journal ${journal ? 'of another agent' : 'that an older daemon sends'} with the same id`, async (t) => {
    const { hub, next } = await hubWithHistory(t)
    const daemon = await next()
    daemon.send({ type: 'agent:status', ...statusOf('a', { journal, end: 60 }) })
    await sendJournal(daemon, journal)
    const events = await hub.events('a')
    assert.deepEqual(texts(events), [...OLD, '(set_back)', ...NEW])
    assert.deepEqual(events[10], { kind: 'set_back', offset: 100, index: 0, from: 0, to: 100 })

    await hub.restart()
    const again = await next(statusOf('a', { journal, end: 60 }))
    assert.deepEqual(again.offsets, { a: 60 })
    again.send({ ...frameOf('a', 60, 70), ...(journal && { journal }) })
    await again.acknowledged('a', 70)
    assert.deepEqual(texts(await hub.events('a', 7)), [...OLD, '(set_back)', ...NEW, 'at 60'])
  })

test('each time that a machine removes an agent and makes it again, the history continues with the new journal', async (t) => {
  const { hub, daemon } = await hubWithHistory(t)
  const expected = [...OLD]
  for (const journal of ['second', 'third']) {
    daemon.send({ type: 'agent:removed', agent_id: 'a' })
    await sendJournal(daemon, journal)
    expected.push('(set_back)', ...NEW)
    assert.deepEqual(texts(await hub.events('a')), expected)
  }
})

test('if the connection ends before the new journal arrives, the machine learns which journal the hub has', async (t) => {
  const { hub, next } = await hubWithHistory(t)
  const daemon = await next()
  daemon.send({ type: 'agent:status', ...statusOf('a', { journal: 'new', end: 60 }) })
  await daemon.settled()
  const again = await next(statusOf('a', { journal: 'new', end: 60 }))
  const { offsets, journals } = again.frames[0]!
  assert.deepEqual([offsets, journals], [{ a: 100 }, { a: 'old' }])
  again.send({ ...frameOf('a', 100, 160), journal: 'new.1' })
  await again.acknowledged('a', 160)
  assert.equal((await hub.events('a')).length, 16)
})

test('an agent whose history was deleted begins a new history', async (t) => {
  const { hub, next } = await hubWithHistory(t)
  const daemon = await next()
  assert.equal((await hub.request('POST', '/api/agents/a/remove')).status, 200)
  daemon.send({ type: 'agent:status', ...statusOf('a', { journal: 'new', end: 60 }) })
  await sendJournal(daemon, 'new')
  assert.deepEqual(texts(await hub.events('a')), NEW)
})
