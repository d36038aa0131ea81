import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { UpdateConfig } from '../../../src/config/update-config.ts'
import { UpdateFailure } from '../../../src/update/failure.ts'
import { moment, Schedule } from '../../../src/update/schedule.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryLog } from '../../support/memory-log.ts'

const at = (day: number, hour: number, minute = 0) => new Date(2026, 5, day, hour, minute).getTime()
const night = { from: 2 * 60, to: 5 * 60 }

test('the next update is within the next window, at a different time for each machine', () => {
  assert.deepEqual(
    moment(night, at(10, 12), () => 0),
    { time: at(11, 2), end: at(11, 5) },
  )
  assert.deepEqual(
    moment(night, at(10, 12), () => 0.5),
    { time: at(11, 3, 30), end: at(11, 5) },
  )
})

test('the next update is in the rest of the present window, or in the next window if the present window ends now', () => {
  assert.deepEqual(
    moment(night, at(10, 4), () => 0),
    { time: at(10, 4), end: at(10, 5) },
  )
  assert.deepEqual(
    moment(night, at(10, 5), () => 0),
    { time: at(11, 2), end: at(11, 5) },
  )
})

test('a window may span midnight', () => {
  const late = { from: 23 * 60, to: 60 }
  assert.deepEqual(
    moment(late, at(10, 0, 30), () => 0),
    { time: at(10, 0, 30), end: at(10, 1) },
  )
  assert.deepEqual(
    moment(late, at(10, 12), () => 0),
    { time: at(10, 23), end: at(11, 1) },
  )
})

test('the next update is always in the future and within the window, and there is one update per window', () => {
  const minute = fc.integer({ min: 0, max: 24 * 60 - 1 })
  fc.assert(
    fc.property(
      minute,
      minute,
      fc.integer({ min: 0, max: 3e10 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (from, to, ms, random) => {
        fc.pre(from !== to)
        const after = at(1, 0) + ms
        const { time, end } = moment({ from, to }, after, () => random)
        assert.ok(time >= after && time < end)
        const of = new Date(time)
        const minutes = of.getHours() * 60 + of.getMinutes()
        assert.ok(from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to)
        assert.ok(moment({ from, to }, end, () => random).time >= end)
      },
    ),
  )
})

function scheduled({ policy = {}, found = {} }: { policy?: Partial<UpdateConfig>; found?: object } = {}) {
  const clock = new ManualClock()
  const asked: string[] = []
  const told: (string | undefined)[] = []
  const updates = {
    check: async (channel: string) => {
      asked.push(`check ${channel}`)
      if (found instanceof Error) throw found
      const published = '1970-01-01T00:00:00.000Z'
      return { installed: '1.0.0', available: '1.1.0', newer: true, bad: false, published, ...found }
    },
    runUnasked: async (origin: string, version: string) => void asked.push(`${origin} ${version}`),
  }
  const whole = {
    automatic: true,
    channel: 'next',
    window: '00:00-24:00',
    min_age_h: 0,
    ...policy,
  } as UpdateConfig
  const { logger, lines } = memoryLog()
  const schedule = new Schedule({
    policy: whole,
    updates,
    clock,
    logger,
    random: () => 0.5,
    onLooked: (error) => void told.push(error?.message),
  })
  schedule.start()
  return {
    schedule,
    asked,
    told,
    lines,
    /** Advances the clock by some days, and lets all due work happen. */
    async pass(days: number) {
      clock.pass(days * 24 * 3_600_000)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('automatic updates contact no registry unless they are enabled', async () => {
  const { asked, pass } = scheduled({ policy: { automatic: false } })
  await pass(3)
  assert.deepEqual(asked, [])
})

test('the update channel is checked once a day, and a newer version is installed', async () => {
  const { asked, pass, schedule } = scheduled()
  await pass(1)
  assert.deepEqual(asked, ['check next', 'schedule 1.1.0'])
  await pass(2)
  assert.equal(asked.filter((entry) => entry === 'check next').length, 3)
  schedule.stop()
  await pass(2)
  assert.equal(asked.filter((entry) => entry === 'check next').length, 3)
})

test('a version that is too new, undated, not newer, or known to fail is not installed', async () => {
  const cases: [Partial<UpdateConfig>, object][] = [
    [{ min_age_h: 72 }, {}],
    [{ min_age_h: 1 }, { published: undefined }],
    [{}, { newer: false }],
    [{}, { bad: true }],
  ]
  for (const [policy, found] of cases) {
    const { asked, pass } = scheduled({ policy, found })
    await pass(1)
    assert.deepEqual(asked, ['check next'])
  }
})

test('if a registry has had no newer version for a long time, the log has a warning', async () => {
  const { lines, pass } = scheduled({ found: { newer: false, warning: '1.0.0 is old.' } })
  await pass(1)
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['1.0.0 is old.'],
  )
})

test('the schedule reports each check for a newer version, with the error if the registry does not answer', async () => {
  const unreachable = new UpdateFailure('update_registry_unreachable', 'resolve', 'There is no route to it.')
  const { told, pass } = scheduled({ found: unreachable })
  await pass(1)
  assert.deepEqual(told, ['There is no route to it.'])
  const well = scheduled()
  await well.pass(1)
  assert.deepEqual(well.told, [undefined])
})
