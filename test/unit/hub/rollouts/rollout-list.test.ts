import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOver, summaryOf, withRoom } from '../../../../src/hub/rollouts/rollout-list.ts'
import type { RolloutRecord } from '../../../../src/hub/store/rollout-records.ts'

const rollout = (rollout_id: string, state: RolloutRecord['state'], groups = ['canary']): RolloutRecord => ({
  rollout_id,
  version: '2.0.0',
  groups,
  max_unavailable: 1,
  soak_s: 0,
  halt_on: 1,
  offline_s: 300,
  allow_downgrade: false,
  created_at: '2026-01-01T00:00:00.000Z',
  state,
  wave: 0,
  machines: [
    { machine_id: 'a', wave: 0, state: 'updated', attempt: 1 },
    { machine_id: 'b', wave: 0, state: 'failed', attempt: 2 },
  ],
})

test('rollouts without effect keep only counts, except the newest, and are forgotten first', () => {
  const list = [
    rollout('of-other-group', 'done', ['other']),
    ...Array.from({ length: 60 }, (_, n) => rollout(`old-${n}`, 'done')),
    rollout('newest', 'running'),
  ]
  const kept = withRoom(list)
  assert.equal(kept.length, 50)
  const whole = kept.filter(({ machines }) => machines.length > 0).map(({ rollout_id }) => rollout_id)
  assert.deepEqual(whole, ['of-other-group', 'old-57', 'old-58', 'old-59', 'newest'])
  for (const each of kept) assert.deepEqual(summaryOf(each).counts, { updated: 1, failed: 1 })
  // A second pass changes nothing.
  assert.deepEqual(withRoom(kept), kept)
})

test('a rollout decides about its groups until a later one does that was not canceled or rolled back', () => {
  const done = rollout('first', 'done', ['canary', 'office'])
  for (const [state, isReplaced] of [
    ['running', true],
    ['done', true],
    ['cancelled', false],
    ['rolled_back', false],
  ] as const) {
    const later = [done, rollout('second', state, ['canary', 'office'])]
    assert.equal(isOver(done, later), isReplaced, state)
    assert.equal(
      isOver(done, [done, rollout('second', state)]),
      false,
      'one of its groups has no later rollout',
    )
  }
})
