import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { endOf } from '../../../../src/hub/store/event-id.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { HubAgent } from '../../../../src/protocol/index.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { offsetsOf, StreamStage, settled } from '../../../support/stream-stage.ts'
import { until } from '../../../support/wait.ts'

/** Returns the offsets of the events from number `from` to number `to`. */
const offsets = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => (from + n) * 10)

test('followers that join at any place and time get each event once and in order', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  journals.batch = 7
  journals.append('a', 100)
  const places = [0, 1, 13, 50, 99, 100, 130]
  const streams = []
  for (let n = 0; n < 70; n++) {
    const place = places[n % places.length]!
    streams.push({ place, stream: await stage.follow('a', place === 0 ? '' : `${(place - 1) * 10}.0`) })
    journals.append('a', 3)
  }
  for (const { place, stream } of streams) {
    await stream.received('activity', 310 - place)
    assert.deepEqual(offsetsOf(stream), offsets(place, 310))
    assert.ok(stream.of('activity').every(({ id }, n) => id === `${(place + n) * 10}.0`))
    stream.close()
  }
})

test('new events are read once, for any number of followers', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  const streams = []
  for (let n = 0; n < 100; n++) streams.push(await stage.follow('a'))
  for (const stream of streams) await stream.received('status')
  const before = journals.reads
  for (let n = 1; n <= 5; n++) {
    journals.append('a', 1)
    for (const stream of streams) await stream.received('activity', n)
  }
  assert.equal(journals.reads - before, 5)
  for (const stream of streams) stream.close()
})

test('followers at the same place in an old history share the reads', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  journals.append('a', 2000)
  const streams = await Promise.all(Array.from({ length: 100 }, () => stage.follow('a')))
  for (const stream of streams) await stream.received('activity', 2000)
  assert.equal(journals.reads, 20)
  const before = journals.reads
  const late = await stage.follow('a', '19550.0')
  await late.received('activity', 44)
  assert.deepEqual(offsetsOf(late), offsets(1956, 2000))
  assert.equal(journals.reads, before)
  for (const stream of [late, ...streams]) stream.close()
})

test('a follower that reads nothing does not delay the others, and gets everything when it reads again', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  const slow = await stage.followUnread('a')
  const stream = await stage.follow('a')
  const text = 'x'.repeat(250_000)
  // More than the operating system can buffer.
  for (let n = 1; n <= 60; n++) {
    journals.append('a', 1, text)
    if (n % 10 === 0) await stream.received('activity', n)
  }
  let received = ''
  slow.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk
  })
  slow.resume()
  await until(() => received.includes('\nid: 590.0\n'), { what: 'all events' })
  const ids = [...received.matchAll(/^id: (.*)$/gm)].map(([, id]) => Number(id))
  assert.deepEqual(ids, offsets(0, 60))
  slow.destroy()
  stream.close()
})

test('with many followers, the events of a short time are sent together', async (t) => {
  const clock = new ManualClock()
  const stage = await StreamStage.open(t, clock)
  const { journals } = stage
  const streams = await Promise.all(Array.from({ length: 200 }, () => stage.follow('a')))
  const passed = async (ms: number) => {
    clock.pass(ms)
    await settled()
  }
  await passed(100)
  for (const stream of streams) await stream.received('status')
  await passed(100)
  journals.append('a', 1)
  for (const stream of streams) await stream.received('activity')
  const before = journals.reads
  for (let n = 0; n < 10; n++) {
    journals.append('a', 1)
    await passed(1)
  }
  assert.equal(journals.reads, before)
  await passed(10)
  for (const stream of streams) await stream.received('activity', 11)
  assert.equal(journals.reads, before + 1)
  for (const stream of streams) stream.close()
})

test('a follower gets a status after all activity that is older than the status', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals, streams } = stage
  journals.batch = 3
  const stream = await stage.follow('a')
  await stream.received('status')
  for (let n = 1; n <= 20; n++) {
    journals.append('a', 10)
    stage.title = `after ${n * 10}`
    streams.onChange({ kind: 'agent', key: 'a' })
    if (n % 5 === 0) await stream.received('activity', n * 10)
  }
  const isLast = () => (stream.of('status').at(-1)!.data as HubAgent).title === 'after 200'
  await until(isLast, { what: 'the last status' })
  let sent = 0
  for (const { event, data } of stream.messages) {
    if (event === 'activity') sent++
    else assert.ok(sent >= Number((data as HubAgent).title!.slice('after '.length)))
  }
  const before = stream.messages.length
  const second = await stage.follow('a', '1990.0')
  assert.equal(((await second.received('status')).data as HubAgent).title, 'after 200')
  assert.equal(stream.messages.length, before)
  for (const each of [stream, second]) each.close()
})

test('the streams of a removed agent end, and a new agent with its key has its own history', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals, streams } = stage
  journals.append('a', 10)
  const [first, other] = [await stage.follow('a'), await stage.follow('b')]
  await first.received('activity', 10)
  journals.forget('a')
  streams.onChange({ kind: 'agent_removed', key: 'a', machine_id: 'm', agent_id: 'a', shown: true })
  const second = await stage.follow('a')
  journals.append('a', 5)
  await second.received('activity', 5)
  await until(() => first.ended, { what: 'the end of the stream' })
  assert.deepEqual([first, second].map(offsetsOf), [offsets(0, 10), offsets(0, 5)])
  assert.ok(!other.ended)
  streams.onChange({ kind: 'closed' })
  await until(() => second.ended && other.ended, { what: 'the end of all streams' })
})

test('a failed read does not end a stream if the next attempt succeeds', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  const stream = await stage.follow('a')
  await stream.received('status')
  journals.failures = 1
  journals.append('a', 3)
  await stream.received('activity', 3)
  journals.failures = 2
  journals.append('a', 1)
  await until(() => stream.ended, { what: 'the end of the stream' })
  assert.deepEqual(offsetsOf(stream), offsets(0, 3))
})

test('followers get the whole history of an agent whose journal could not be opened at the start', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  for (const agent of ['a', 'b']) {
    journals.append(agent, 1000)
    journals.unopened.add(agent)
  }
  const [whole, rest] = [await stage.follow('a'), await stage.follow('b', '4990.0')]
  await whole.received('activity', 1000)
  await rest.received('activity', 500)
  assert.deepEqual([whole, rest].map(offsetsOf), [offsets(0, 1000), offsets(500, 1000)])
  for (const stream of [whole, rest]) stream.close()
})

/** Reads a stream. @returns a function that returns the text received so far */
function textOf(response: IncomingMessage): () => string {
  let received = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk
  })
  response.resume()
  return () => received
}

const commentsIn = (text: string) => text.split('\n').filter((line) => line === ':').length

test('a stream without messages gets a keep-alive message every 15 seconds or sooner', async (t) => {
  const clock = new ManualClock()
  const stage = await StreamStage.open(t, clock)
  const response = await stage.followUnread('a')
  const received = textOf(response)
  await until(() => received().includes('event: status'), { what: 'the status' })
  for (let n = 1; n <= 3; n++) {
    for (let at = 0; at < 15; at++) {
      clock.pass(1000)
      await settled()
    }
    await until(() => commentsIn(received()) >= n, { what: 'a comment' })
  }
  response.destroy()
})

test('a client gets keep-alive messages while the hub reads a long range without events', async (t) => {
  const clock = new ManualClock()
  const stage = await StreamStage.open(t, clock)
  stage.journals.append('a', 100)
  stage.journals.read = (_key, after) => {
    let at = after.offset + 1
    const next = async () => {
      clock.pass(1000)
      at += 10
      return { events: [], last: endOf(at), bytes: 10, isEnd: at >= 1000 }
    }
    return { next }
  }
  const response = await stage.followUnread('a')
  const received = textOf(response)
  await until(() => received().includes('event: status'), { what: 'the status' })
  assert.ok(commentsIn(received()) >= 9)
  response.destroy()
})
