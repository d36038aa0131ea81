import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOver, type Phase, type Stimulus, step } from '../../../src/update/states.ts'

const phases: Phase[] = ['fetching', 'staged', 'on_trial', 'confirmed', 'reverting', 'reverted', 'failed']
const stimuli: Stimulus[] = [
  'present',
  'switched',
  'started',
  'welcomed',
  'refused',
  'timed_out',
  'stopped',
  'guard_gave_up',
  'broken',
  'restored',
]
const walk = (...steps: Stimulus[]) => steps.reduce<Phase>(step, 'fetching')
const moves = phases.flatMap((from) => stimuli.map((by) => ({ from, by, to: step(from, by) })))

/** Returns the phases that can follow a phase. */
function following(phase: Phase, seen = new Set<Phase>()): Set<Phase> {
  for (const { to } of moves.filter(({ from }) => from === phase))
    if (to !== phase && !seen.has(to)) following(to, seen.add(to))
  return seen
}

test('an update is confirmed when the server welcomes the new version after the switch and the start', () => {
  assert.equal(walk('switched', 'started', 'welcomed'), 'confirmed')
  assert.equal(walk('switched', 'welcomed'), 'staged')
  assert.equal(walk('welcomed'), 'fetching')
})

test('a version that is already installed is confirmed without a trial', () => {
  assert.equal(walk('present'), 'confirmed')
  assert.equal(walk('switched', 'present'), 'confirmed')
})

test('if a trial ends without a welcome, the previous version is restored', () => {
  for (const reason of ['refused', 'timed_out', 'stopped', 'guard_gave_up', 'broken'] as const) {
    assert.equal(walk('switched', 'started', reason), 'reverting')
    assert.equal(walk('switched', 'started', reason, 'welcomed'), 'reverting')
    assert.equal(walk('switched', 'started', reason, 'restored'), 'reverted')
  }
})

test('an update is reverted after an error only if the error happened after the switch', () => {
  assert.equal(walk('broken'), 'failed')
  assert.equal(walk('switched', 'broken', 'restored'), 'reverted')
})

test('if the previous version is stopped, the phase of the update does not change', () => {
  assert.equal(walk('stopped'), 'fetching')
  assert.equal(walk('switched', 'stopped'), 'staged')
})

test('only a start begins a trial, and only a welcome or an installed version confirms an update', () => {
  const into = (phase: Phase) => moves.filter(({ from, to }) => to === phase && from !== phase)
  assert.deepEqual(
    into('on_trial').map(({ from, by }) => `${from} ${by}`),
    ['staged started'],
  )
  assert.deepEqual(
    into('confirmed').map(({ from, by }) => `${from} ${by}`),
    ['fetching present', 'staged present', 'on_trial welcomed'],
  )
})

test('an update that has ended does not change, and every other update can end', () => {
  for (const { from, to } of moves) if (isOver(from)) assert.equal(to, from)
  for (const phase of phases.filter((each) => !isOver(each)))
    assert.ok([...following(phase)].some(isOver), phase)
  assert.deepEqual([...following('fetching')].sort(), phases.filter((each) => each !== 'fetching').sort())
})
