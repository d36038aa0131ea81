import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { moment } from '../../../src/update/schedule.ts'

const at = (day: number, hour: number, minute = 0) => new Date(2026, 5, day, hour, minute).getTime()
const night = { from: 2 * 60, to: 5 * 60 }

test('the next window, at a moment of its own for each machine', () => {
  assert.deepEqual(
    moment(night, at(10, 12), () => 0),
    { time: at(11, 2), end: at(11, 5) },
  )
  assert.deepEqual(
    moment(night, at(10, 12), () => 0.5),
    { time: at(11, 3, 30), end: at(11, 5) },
  )
})

test('in the midst of a window, what is left of it; at its end, the next', () => {
  assert.deepEqual(
    moment(night, at(10, 4), () => 0),
    { time: at(10, 4), end: at(10, 5) },
  )
  assert.deepEqual(
    moment(night, at(10, 5), () => 0),
    { time: at(11, 2), end: at(11, 5) },
  )
})

test('a window over midnight', () => {
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

test('always ahead, in the window, and once in each', () => {
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
