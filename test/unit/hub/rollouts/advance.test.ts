import assert from 'node:assert/strict'
import { test } from 'node:test'
import { after } from '../../../../src/hub/rollouts/advance.ts'
import { Fleet, idsOf, MINUTE } from '../../../support/rollout-fleet.ts'

test('waves follow the order of groups, with the soak time between them', () => {
  const fleet = new Fleet({}, [1, 0])
  const [first] = fleet.step()
  assert.equal(first?.machine_id, 'm1')
  fleet.succeed(first!)
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.rollout.state, 'soaking')
  assert.deepEqual(fleet.step(599_000), [])
  const [second] = fleet.step(1000)
  assert.equal(second?.machine_id, 'm0')
  fleet.succeed(second!)
  fleet.step()
  fleet.step(600_000)
  assert.equal(fleet.rollout.state, 'done')
})

test('a failed machine halts the rollout in its group, and a person can resume it', () => {
  const fleet = new Fleet({ max_unavailable: 2 }, [0, 0, 0, 1])
  const orders = fleet.step()
  assert.deepEqual(idsOf(orders), ['m0', 'm1'])
  fleet.fail(orders[0]!, { code: 'update_unproven' })
  fleet.succeed(orders[1]!)
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.rollout.state, 'halted')
  assert.match(fleet.rollout.reason ?? '', /1 of 4 machines/)
  fleet.order('resume')
  assert.deepEqual(idsOf(fleet.step()), ['m2'])
  assert.equal(fleet.rollout.state, 'running')
})

test('a group waits until the windows of its machines open, and leaves machines alone whose policy refuses', () => {
  const fleet = new Fleet({ max_unavailable: 2 }, [0, 0, 1])
  const [closed, refused] = fleet.step()
  fleet.fail(closed!, { code: 'policy', path: 'update.window' })
  fleet.fail(refused!, { code: 'policy', path: 'update.allow' })
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.stateOf('m1'), 'refused')
  assert.deepEqual(idsOf(fleet.step(5 * MINUTE - 1)), [])
  const [again] = fleet.step(1)
  assert.equal(again?.machine_id, 'm0')
  assert.notEqual(again?.command_id, closed?.command_id)
  assert.equal(fleet.rollout.state, 'running')
  fleet.succeed(again!)
  fleet.step()
  assert.equal(fleet.rollout.state, 'soaking')
})

test('a machine that says when its window opens is asked at that time, unless it says nonsense', () => {
  for (const [minutes, asked] of [
    [90, 90],
    [-1, 5],
    [48 * 60, 5],
    [Number.NaN, 5],
  ] as const) {
    const fleet = new Fleet({}, [0])
    const until = Number.isNaN(minutes) ? 'soon' : new Date(fleet.now + minutes * MINUTE).toISOString()
    fleet.fail(fleet.step()[0]!, { code: 'policy', path: 'update.window', until })
    fleet.step()
    assert.deepEqual(fleet.step(asked * MINUTE - 1), [])
    assert.equal(fleet.step(1).length, 1)
  }
})

test('the next group waits until a machine of the first group was updated', () => {
  const fleet = new Fleet({ soak_s: 0 }, [0, 1])
  fleet.connect('m0', false)
  fleet.step()
  assert.deepEqual(fleet.step(60 * MINUTE), [])
  assert.equal(fleet.rollout.state, 'running')
  fleet.connect('m0', true)
  fleet.succeed(fleet.step()[0]!)
  assert.deepEqual(idsOf(fleet.step()), ['m1'])
})

test('a group that refuses the version halts the rollout, which continues without the group when resumed', () => {
  for (const error of [
    { code: 'policy', path: 'signed_by' },
    { code: 'update_refused' },
    { code: 'update_downgrade' },
  ]) {
    const fleet = new Fleet({ soak_s: 0 }, [0, 1])
    fleet.fail(fleet.step()[0]!, error)
    assert.deepEqual(fleet.step(), [])
    assert.equal(fleet.stateOf('m0'), 'refused')
    assert.equal(fleet.rollout.state, 'halted')
    assert.match(fleet.rollout.reason ?? '', /No machine of the group canary/)
    fleet.order('resume')
    assert.deepEqual(idsOf(fleet.step()), ['m1'])
  }
})

test('a machine that was away does not hold up its wave, and is updated when it returns', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 0 }, [0, 0])
  fleet.connect('m1', false)
  const [order] = fleet.step()
  fleet.succeed(order!)
  fleet.step()
  assert.equal(fleet.rollout.state, 'done')
  fleet.connect('m1', true)
  assert.deepEqual(idsOf(fleet.step()), ['m1'])
})

test('an updated machine that goes offline, or has new errors, halts the rollout while it soaks', () => {
  for (const harm of [
    (fleet: Fleet) => fleet.connect('m0', false),
    (fleet: Fleet) => Object.assign(fleet.machines.get('m0')!, { errors: 1 }),
  ]) {
    const fleet = new Fleet({}, [0, 1])
    fleet.succeed(fleet.step()[0]!)
    fleet.step()
    harm(fleet)
    fleet.step(5 * MINUTE)
    assert.equal(fleet.rollout.state, 'halted')
  }
})

test('a paused rollout orders nothing, and nothing after it was canceled', () => {
  const fleet = new Fleet({}, [0])
  fleet.order('pause')
  assert.deepEqual(fleet.step(), [])
  fleet.order('cancel')
  assert.deepEqual(fleet.step(), [])
  assert.equal(after(fleet.rollout, 'resume'), undefined)
})
