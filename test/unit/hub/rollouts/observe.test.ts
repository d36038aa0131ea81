import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpdateOrder } from '../../../../src/hub/rollouts/orders.ts'
import { Fleet, idsOf, MINUTE } from '../../../support/rollout-fleet.ts'

test('a rollback returns each machine to its own previous version', () => {
  const fleet = new Fleet({ groups: ['canary'], max_unavailable: 1, soak_s: 0 }, [0, 0, 0])
  fleet.machines.get('m0')!.version = '1.5.0'
  fleet.machines.get('m2')!.version = '2.0.0'
  for (let n = 0; n < 2; n++) fleet.succeed(fleet.step()[0]!)
  fleet.step()
  assert.equal(fleet.rollout.state, 'done')
  fleet.order('roll_back')
  const returns: UpdateOrder[] = []
  for (let n = 0; n < 2; n++) {
    const [order, ...rest] = fleet.step()
    assert.deepEqual(rest, [])
    returns.push(order!)
    fleet.succeed(order!)
  }
  assert.deepEqual(
    returns.map(({ machine_id, version, allow_downgrade }) => [machine_id, version, allow_downgrade]),
    [
      ['m0', '1.5.0', true],
      ['m1', '1.0.0', true],
    ],
  )
  fleet.step()
  assert.equal(fleet.rollout.state, 'rolled_back')
})

test('a rollback returns the other machines while a machine stays away that the version has cut off', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 60 }, [0, 0])
  for (let n = 0; n < 2; n++) fleet.succeed(fleet.step()[0]!)
  fleet.connect('m0', false)
  fleet.step(5 * MINUTE)
  assert.equal(fleet.rollout.state, 'halted')
  fleet.order('roll_back')
  const [order] = fleet.step()
  assert.equal(order?.machine_id, 'm1')
  fleet.succeed(order!)
  fleet.step()
  assert.equal(fleet.rollout.state, 'rolled_back')
  fleet.connect('m0', true)
  // Its answer to the first order comes first.
  assert.deepEqual(idsOf([...fleet.step(), ...fleet.step()]), ['m0'])
})

test('a machine that goes offline during a rollback does not hold up the others', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 60 }, [0, 0])
  for (let n = 0; n < 2; n++) fleet.succeed(fleet.step()[0]!)
  fleet.step()
  fleet.order('roll_back')
  const [first] = fleet.step()
  fleet.connect(first!.machine_id, false)
  assert.deepEqual(fleet.step(), [])
  const [second] = fleet.step(5 * MINUTE)
  assert.equal(second?.machine_id, 'm1')
  fleet.succeed(second!)
  fleet.step()
  assert.equal(fleet.rollout.state, 'rolled_back')
})

test('a person who resumes a rollout accepts lost machines, and only those', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 0 }, [0, 0, 0])
  fleet.succeed(fleet.step()[0]!)
  fleet.connect('m0', false)
  fleet.step()
  fleet.step(5 * MINUTE)
  assert.equal(fleet.rollout.state, 'halted')
  fleet.order('resume')
  const [order] = fleet.step()
  assert.equal(order?.machine_id, 'm1')
  // The accepted machine returns, so the next failure is the first one again.
  fleet.connect('m0', true)
  fleet.fail(order!, { code: 'update_unproven' })
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.rollout.state, 'halted')
})

test('a finished rollout does not answer for machines that fail or leave much later', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 60 }, [0, 0])
  fleet.connect('m1', false)
  fleet.succeed(fleet.step()[0]!)
  fleet.step()
  fleet.step(MINUTE)
  assert.equal(fleet.rollout.state, 'done')
  fleet.connect('m0', false)
  fleet.step(60 * MINUTE)
  assert.equal(fleet.rollout.state, 'done')
  // A machine that comes back late is watched, too.
  fleet.connect('m1', true)
  fleet.succeed(fleet.step()[0]!)
  fleet.step()
  Object.assign(fleet.machines.get('m1')!, { errors: 1 })
  fleet.step()
  assert.equal(fleet.rollout.state, 'halted')
})

test('a machine that the rollout did not update may go offline', () => {
  const fleet = new Fleet({ soak_s: 60 }, [0, 1, 1])
  fleet.machines.get('m1')!.version = '2.0.0'
  const [order] = fleet.step()
  fleet.connect('m1', false)
  fleet.succeed(order!)
  fleet.step(5 * MINUTE)
  assert.deepEqual(idsOf(fleet.step(MINUTE)), ['m2'])
})

test('a machine that has the version already gets no order', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 0 }, [0])
  fleet.machines.get('m0')!.version = '2.0.0'
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.rollout.state, 'done')
})

test('a machine that was removed and enrolled again gets a new order', () => {
  const fleet = new Fleet({ groups: ['canary'], soak_s: 0 }, [0])
  const facts = fleet.machines.get('m0')!
  const [first] = fleet.step()
  fleet.succeed(first!)
  fleet.step()
  fleet.machines.delete('m0')
  fleet.step()
  fleet.machines.set('m0', { ...facts, version: '1.0.0' })
  const [second] = fleet.step()
  assert.equal(second?.machine_id, 'm0')
  assert.notEqual(second?.command_id, first?.command_id)
})

test('a machine that changes its group waits for the turn of the new group', () => {
  const fleet = new Fleet({}, [0, 0])
  const [order] = fleet.step()
  fleet.machines.get('m1')!.wave = 1
  fleet.succeed(order!)
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.rollout.state, 'soaking')
  assert.deepEqual(idsOf(fleet.step(10 * MINUTE)), ['m1'])
})

test('a rollback also returns machines that have left their groups, unless a newer rollout has their group', () => {
  for (const replaced of [false, true]) {
    const fleet = new Fleet({ groups: ['canary'] }, [0])
    fleet.succeed(fleet.step()[0]!)
    fleet.step()
    Object.assign(fleet.machines.get('m0')!, { wave: undefined, replaced })
    fleet.order('roll_back')
    assert.deepEqual(idsOf(fleet.step()), replaced ? [] : ['m0'])
    assert.equal(fleet.rollout.state, replaced ? 'rolled_back' : 'rolling_back')
  }
})

test('a connected machine that never answers halts the rollout', () => {
  const fleet = new Fleet({}, [0])
  fleet.step()
  fleet.step(59 * MINUTE)
  assert.equal(fleet.rollout.state, 'running')
  fleet.step(MINUTE)
  assert.equal(fleet.rollout.state, 'halted')
  assert.equal(fleet.rollout.machines[0]?.error?.code, 'no_reply')
})

test('a rollout halts if clearly more turns fail on updated machines than without the update', () => {
  /** Turns on the updated machine before and after its update, and on a machine that waits: all, and failed. */
  const cases: [before: number[], after: number[], elsewhere: number[], halts: boolean][] = [
    [[0, 0], [25, 5], [0, 0], true],
    [[0, 0], [26, 5], [0, 0], false],
    [[0, 0], [4, 4], [0, 0], false],
    [[100, 1], [10, 5], [50, 0], true],
    [[20, 8], [10, 7], [0, 0], false],
    [[20, 8], [10, 8], [0, 0], true],
    [[0, 0], [10, 7], [20, 8], false],
  ]
  for (const [before, after, elsewhere, halts] of cases) {
    const fleet = new Fleet({}, [0, 1])
    fleet.end('m0', before[0]!, before[1]!)
    fleet.now += MINUTE
    fleet.succeed(fleet.step()[0]!)
    fleet.step(MINUTE)
    fleet.end('m0', after[0]!, after[1]!)
    fleet.end('m1', elsewhere[0]!, elsewhere[1]!)
    fleet.step(MINUTE)
    const what = JSON.stringify([before, after, elsewhere])
    assert.equal(fleet.rollout.state, halts ? 'halted' : 'soaking', what)
    if (halts) assert.match(fleet.rollout.reason ?? '', /turns have failed on updated machines/)
  }
})
