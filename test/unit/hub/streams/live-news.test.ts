import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../../src/platform/clock.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { offsetsOf, StreamStage, settled } from '../../../support/stream-stage.ts'
import type { Cleanup } from '../../../support/temp.ts'

/** Returns a stage with 200 streams of agent `a` after `after`. A round then begins every 20 ms. */
async function crowd(t: Cleanup, prepare: (stage: StreamStage) => void, after = '') {
  const clock = new ManualClock()
  const stage = await StreamStage.open(t, clock)
  const passed = async (ms: number) => {
    clock.pass(ms)
    await settled()
  }
  prepare(stage)
  const streams = await Promise.all(Array.from({ length: 200 }, () => stage.follow('a', after)))
  await passed(100)
  for (const stream of streams) await stream.received('status')
  await passed(100)
  return { stage, streams, passed, clock }
}

test('a part that a late follower has read before the latest event does not hide this event', async (t) => {
  const { stage, streams, passed } = await crowd(t, ({ journals }) => journals.append('a', 100), '990.0')
  const { journals } = stage
  journals.batch = 1000
  journals.append('a', 1)
  for (const stream of streams) await stream.received('activity')
  // From here on, the next round waits until 20 ms have passed.
  journals.append('a', 1)
  const late = await stage.follow('a')
  await late.received('activity', 102)
  journals.append('a', 1)
  await passed(30)
  await passed(30)
  for (const stream of [late, ...streams]) await stream.received('activity', stream === late ? 103 : 3)
  assert.deepEqual(
    [late, streams[0]!].map((stream) => offsetsOf(stream).at(-1)),
    [1020, 1020],
  )
  for (const stream of [late, ...streams]) stream.close()
})

test('reads that hang do not delay the streams of other agents', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  const agents = ['old', 'new', 'live', 'late']
  for (const agent of agents) journals.append(agent, 10)
  journals.hanging.add('old')
  const live = await stage.follow('live', '90.0')
  const hanging = [await stage.follow('old'), await stage.follow('new', '90.0')]
  await Promise.all([live, hanging[1]!].map((stream) => stream.received('status')))
  journals.hanging.add('new')
  journals.append('new', 1)
  await settled()
  journals.append('live', 1)
  await live.received('activity')
  const late = await stage.follow('late')
  await late.received('activity', 10)
  for (const stream of [live, late, ...hanging]) stream.close()
})

test('a round sends all events that were durable at its beginning, and a status', async (t) => {
  const { stage, streams, passed } = await crowd(t, () => {})
  const { journals } = stage
  journals.append('a', 1)
  for (const stream of streams) await stream.received('activity')
  const statuses = streams[0]!.of('status').length
  journals.batch = 10
  stage.title = 'busy'
  stage.streams.onChange({ kind: 'agent', key: 'a' })
  journals.append('a', 500)
  await passed(30)
  // The clock stands still from here on, so all batches belong to one round.
  for (const stream of streams) await stream.received('activity', 501)
  for (const stream of streams) await stream.received('status', statuses + 1)
  for (const stream of streams) stream.close()
})

test('a very long part of new events is read once, for any number of followers', async (t) => {
  const stage = await StreamStage.open(t, systemClock)
  const { journals } = stage
  const streams = await Promise.all(Array.from({ length: 50 }, () => stage.follow('a')))
  for (const stream of streams) await stream.received('status')
  const before = journals.reads
  journals.append('a', 1, 'x'.repeat(1_100_000))
  for (const stream of streams) await stream.received('activity')
  assert.equal(journals.reads - before, 1)
  for (const stream of streams) stream.close()
})
