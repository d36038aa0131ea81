import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsIn, ordersFor, stateText, wavesOf } from '../../../src/console/rollouts/rollout-text.ts'
import { ROLLOUT } from '../../../src/hub/rollouts/tables.ts'
import type { HubRollout, RolloutMachine } from '../../../src/protocol/index.ts'

const machine = (machine_id: string, wave: number, state: string): RolloutMachine => ({
  machine_id,
  wave,
  state,
  attempt: 0,
})

test('a rollout is shown by groups, machines with a problem first', () => {
  const rollout = {
    groups: ['canary', 'office'],
    machines: [
      machine('a', 0, 'updated'),
      machine('b', 0, 'unwell'),
      machine('c', 0, 'failed'),
      machine('d', 1, 'waiting'),
      machine('e', 1, 'state_of_tomorrow'),
    ],
  } as HubRollout
  const [canary, office] = wavesOf(rollout)
  assert.deepEqual(
    canary?.machines.map(({ machine_id }) => machine_id),
    ['c', 'b', 'a'],
  )
  assert.equal(canary?.updated, 2)
  assert.equal(canary?.text, '1 failed, 1 unwell, 1 updated')
  assert.equal(office?.text, '1 waiting, 1 state of tomorrow')
  assert.deepEqual(wavesOf({ ...rollout, machines: [] })[0]?.text, 'no machines yet')
})

test('the buttons of a rollout are the orders that the hub permits in its state', () => {
  for (const [state, next] of Object.entries(ROLLOUT)) {
    const permitted = (['pause', 'resume', 'roll_back', 'cancel'] as const).filter((order) => next[order])
    assert.deepEqual(
      ordersFor(state).map((order) => order.replace('-', '_')),
      permitted,
      state,
    )
    assert.notEqual(stateText(state), state)
  }
  assert.deepEqual(ordersFor('constructor'), [])
  assert.equal(stateText('state_of_tomorrow'), 'state of tomorrow')
})

test('groups are separated by commas or spaces, and each counts once', () => {
  assert.deepEqual(groupsIn(' canary, office office\n'), ['canary', 'office'])
  assert.deepEqual(groupsIn(' , '), [])
})
