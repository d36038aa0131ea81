import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HubFailure } from '../../../../src/client/hub-failure.ts'
import type { WindowLimits } from '../../../../src/console/agent/event-window.ts'
import { Transcript } from '../../../../src/console/agent/transcript.ts'
import { FakeHistory, unreachable } from '../../../support/fake-history.ts'
import type { Cleanup } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

/** Opens a transcript that draws frames when the test says so, or at once. */
function open(t: Cleanup, history: FakeHistory, limits?: WindowLimits) {
  let frames = 0
  const transcript = new Transcript(
    {
      means: () => {},
      events: (_id, after) => history.eventsAfter(after),
      eventsBefore: (...all) => history.eventsBefore(...all),
      stream: (id, after) => history.stream(id, after),
      read: (...all) => history.read(...all),
    },
    { machine_id: 'm', agent_id: 'a' },
    {
      frame: (run) => {
        frames++
        setTimeout(run, 5)
      },
      ...(limits && { limits }),
    },
  )
  t.after(() => transcript.close())
  return { transcript, frames: () => frames, live: () => isLive(transcript) }
}

const isLive = (transcript: Transcript) =>
  until(() => transcript.connection.value.state === 'live', { what: 'the stream' })

const offsets = ({ events }: Transcript) => events.map(({ offset }) => offset)
const steps = (from: number, to: number) => Array.from({ length: (to - from) / 10 }, (_, n) => from + n * 10)

/** Waits until the transcript ends with the newest event. */
const caughtUp = (transcript: Transcript, history: FakeHistory) =>
  until(() => transcript.events.at(-1)?.offset === history.events.at(-1)?.offset, {
    what: 'the newest event',
  })

test('a transcript opens with the newest events, and loads earlier events up to the beginning', async (t) => {
  const history = new FakeHistory()
  history.says(1200)
  const { transcript, live } = open(t, history)
  await live()
  assert.deepEqual(offsets(transcript), steps(11_000, 12_000))
  assert.equal(transcript.atBeginning.value, false)
  // Both calls load the same page.
  await Promise.all([transcript.older(), transcript.older()])
  assert.deepEqual(offsets(transcript), steps(6000, 12_000))
  await transcript.older()
  await transcript.older()
  assert.deepEqual(offsets(transcript), steps(0, 12_000))
  assert.equal(transcript.atBeginning.value, true)
  await transcript.older()
  assert.equal(history.requests, 4)
})

test('the transcript of a new agent is empty and at the beginning, and shows the first event', async (t) => {
  const history = new FakeHistory()
  const { transcript, live } = open(t, history)
  await live()
  assert.deepEqual(
    [transcript.events, transcript.atBeginning.value, transcript.atEnd.value],
    [[], true, true],
  )
  assert.equal(transcript.agent.value?.agent_id, 'a')
  history.says(1)
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), [0])
})

test('events that arrive between the first page and the stream appear once, and none is missing', async (t) => {
  const history = new FakeHistory()
  history.says(700)
  history.afterRead = () => history.says(3)
  const { transcript } = open(t, history)
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), steps(6000, history.offset))
  await transcript.older()
  await transcript.older()
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), steps(0, history.offset))
})

test('after a lost connection, the stream continues without repeated or missing events', async (t) => {
  const history = new FakeHistory()
  history.says(10)
  const { transcript, live } = open(t, history)
  await live()
  for (let round = 0; round < 3; round++) {
    history.failure = unreachable()
    history.cut()
    history.says(5)
    const lost = await until(
      () => transcript.connection.value.state === 'lost' && transcript.connection.value,
      {
        what: 'the loss',
      },
    )
    assert.ok(lost.state === 'lost' && lost.problem.message === 'No hub answers.' && lost.since > 0)
    history.failure = undefined
    await live()
    await caughtUp(transcript, history)
  }
  assert.deepEqual(offsets(transcript), steps(0, history.offset))
})

test('a stream that begins again at the beginning adds nothing twice', async (t) => {
  const history = new FakeHistory()
  history.says(10)
  const { transcript, live } = open(t, history)
  await live()
  const stream = history.stream.bind(history)
  // A proxy has removed the header with the last id.
  history.stream = (id) => stream(id, undefined)
  history.cut()
  history.says(5)
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), steps(0, 150))
})

test('a hub that refuses the first requests is asked again', async (t) => {
  const history = new FakeHistory()
  history.says(10)
  history.failure = new HubFailure('refused', 'There are too many streams.', { code: 'too_many_streams' })
  const { transcript, live } = open(t, history)
  await until(() => transcript.connection.value.state === 'lost', { what: 'the refusal' })
  history.failure = undefined
  await live()
  assert.deepEqual(offsets(transcript), steps(0, 100))
})

test('a history that is shorter than before is loaded again', async (t) => {
  const history = new FakeHistory()
  history.says(20)
  const { transcript, live } = open(t, history)
  await live()
  // The hub restarts with a backup, and its machine sends other events.
  history.events = []
  history.offset = 0
  history.says(5)
  history.cut()
  await until(() => transcript.events.length === 5, { what: 'the other history' })
  history.says(1)
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), steps(0, 60))
})

test('the removal of the agent ends the transcript, which keeps its events', async (t) => {
  const history = new FakeHistory()
  history.says(10)
  const { transcript, live } = open(t, history)
  await live()
  history.failure = new HubFailure('refused', 'There is no agent a.', { code: 'agent_not_found' })
  history.cut()
  await until(() => transcript.connection.value.state === 'removed', { what: 'the removal' })
  assert.equal(transcript.events.length, 10)
  await transcript.older()
})

test('an event of an unknown kind is shown as unknown', async (t) => {
  const history = new FakeHistory()
  history.add({ kind: 'weather', rain: true })
  const { transcript, live } = open(t, history)
  await live()
  assert.equal(transcript.events[0]?.kind, 'unknown')
})

test('100,000 events pass through a window of bounded size, and every part can be loaded again', async (t) => {
  const history = new FakeHistory()
  history.says(100)
  const limits = { events: 4000, bytes: 64 * 1024 * 1024 }
  const { transcript, live, frames } = open(t, history, limits)
  await live()
  for (let sent = 100; sent < 100_000; sent += 900) {
    history.says(900)
    await caughtUp(transcript, history)
    assert.ok(transcript.events.length <= limits.events)
  }
  assert.ok(frames() < 10_000)
  assert.deepEqual(offsets(transcript), steps(offsets(transcript)[0]!, history.offset))
  // Up to the beginning.
  while (!transcript.atBeginning.value) {
    const [first] = transcript.events
    transcript.readAt(`${first!.offset}.0`)
    await transcript.older()
    assert.ok(transcript.events.length <= limits.events)
    const all = offsets(transcript)
    assert.deepEqual(all, steps(all[0]!, all.at(-1)! + 10))
  }
  assert.deepEqual([offsets(transcript)[0], transcript.atEnd.value], [0, false])
  history.says(7)
  await until(() => transcript.missed.value === 7, { what: 'the number of new events' })
  // Down to the end, while new events arrive.
  history.afterRead = () => history.says(1)
  for (let at = 0; !transcript.atEnd.value; ) {
    transcript.readAt(`${at}.0`)
    await transcript.newer()
    const all = offsets(transcript)
    assert.ok(all.at(-1)! > at && all.length <= limits.events)
    assert.deepEqual(all, steps(all[0]!, all.at(-1)! + 10))
    at = all.at(-1)!
  }
  transcript.readAt(undefined)
  history.says(3)
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), steps(offsets(transcript)[0]!, history.offset))
  assert.equal(transcript.missed.value, 0)
})

test('the reader can go from anywhere to the newest events', async (t) => {
  const history = new FakeHistory()
  history.says(5000)
  const { transcript, live } = open(t, history, { events: 2000, bytes: 64 * 1024 * 1024 })
  await live()
  while (!transcript.atBeginning.value) await transcript.older()
  assert.equal(transcript.atEnd.value, false)
  history.says(50)
  await transcript.newest()
  assert.deepEqual([transcript.events.at(-1)?.offset, transcript.atEnd.value], [50_490, true])
  history.says(1)
  await caughtUp(transcript, history)
  assert.deepEqual(offsets(transcript), steps(offsets(transcript)[0]!, history.offset))
})

test('while the reader is far from the end, new events do not push away the events at the reader’s place', async (t) => {
  const history = new FakeHistory()
  history.says(900)
  const { transcript, live } = open(t, history, { events: 1000, bytes: 64 * 1024 * 1024 })
  await live()
  await transcript.older()
  await transcript.older()
  transcript.readAt('500.0')
  history.says(2000)
  await until(() => transcript.missed.value > 1000, { what: 'new events' })
  assert.equal(offsets(transcript)[0], 0)
  assert.deepEqual(offsets(transcript), steps(0, offsets(transcript).at(-1)! + 10))
})

test('large events are dropped by their memory', async (t) => {
  const history = new FakeHistory()
  const { transcript, live } = open(t, history, { events: 20_000, bytes: 1024 * 1024 })
  await live()
  for (let n = 0; n < 50; n++) {
    history.add({ kind: 'text', text: 'x'.repeat(100_000) })
    await caughtUp(transcript, history)
    assert.ok(transcript.events.length <= 5)
  }
  assert.equal(transcript.atBeginning.value, false)
  await transcript.older()
  assert.ok(transcript.events.length > 0 && transcript.events.length <= 10)
})

test('frames are drawn once for many deltas, which become one event', async (t) => {
  const history = new FakeHistory()
  const { transcript, live, frames } = open(t, history)
  await live()
  const before = frames()
  const texts: string[] = []
  for (let n = 0; n < 2000; n++) {
    texts.push(` ${n}`)
    history.add({ kind: 'text_delta', message_id: 'm-1', block: 0, text: ` ${n}` })
    if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const shown = () => transcript.events.map((event) => ('text' in event ? event.text : ''))
  await until(() => shown()[0] === texts.join(''), { what: 'the text so far' })
  assert.equal(transcript.events.length, 1)
  assert.ok(frames() - before < 500)
  const version = transcript.version.value
  history.add({ kind: 'text', message_id: 'm-1', text: texts.join('') })
  await until(() => transcript.version.value > version, { what: 'the finished block' })
  assert.deepEqual(
    transcript.events.map(({ kind }) => kind),
    ['text'],
  )
})
