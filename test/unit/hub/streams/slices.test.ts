import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slices } from '../../../../src/hub/streams/slices.ts'
import { systemClock } from '../../../../src/platform/clock.ts'

const busyFor = (ms: number) => {
  const end = systemClock.monotonic() + ms
  while (systemClock.monotonic() < end);
}

test('other work runs between long jobs', async () => {
  const slices = new Slices(systemClock)
  let [turns, done] = [0, 0]
  const count = () => {
    turns++
    if (done < 20) setImmediate(count)
  }
  setImmediate(count)
  for (let n = 0; n < 20; n++)
    slices.add(() => {
      busyFor(2)
      done++
    })
  await slices.ran()
  assert.ok(turns >= 20, `${turns} turns`)
})

test('a job that waits already is not added again', async () => {
  const slices = new Slices(systemClock)
  let runs = 0
  const job = () => {
    runs++
  }
  for (let n = 0; n < 10; n++) slices.add(job)
  await slices.ran()
  assert.equal(runs, 1)
  slices.add(job)
  await slices.ran()
  assert.equal(runs, 2)
})
