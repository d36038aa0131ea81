import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advance, after, halted, unavailableIn } from '../../../../src/hub/rollouts/advance.ts'
import { Fleet, idsOf, MINUTE } from '../../../support/rollout-fleet.ts'

/** A rollback is rare, because no update follows it. */
const EVENTS = ['pause', 'resume', 'resume', 'resume', 'resume', 'roll_back'] as const

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

test('a blocked version halts its rollout', () => {
  const fleet = new Fleet({}, [0])
  fleet.rollout = halted(fleet.rollout, 'Version 2.0.0 is blocked.')
  assert.deepEqual(fleet.step(), [])
  assert.equal(fleet.rollout.reason, 'Version 2.0.0 is blocked.')
})

test('an order whose delivery is unknown is repeated with the same id', () => {
  const fleet = new Fleet({}, [0])
  const [order] = fleet.step()
  assert.deepEqual(fleet.step(), [])
  fleet.outcomes.clear()
  assert.deepEqual(fleet.step(), [order])
})

test('unanswered orders are withdrawn once the rollout no longer wants them', () => {
  for (const event of ['pause', 'roll_back', 'cancel'] as const) {
    const fleet = new Fleet({}, [0])
    const [order] = fleet.step()
    assert.deepEqual(advance(fleet.rollout, fleet.world).withdrawn, [])
    fleet.order(event)
    assert.deepEqual(advance(fleet.rollout, fleet.world).withdrawn, [order!.command_id])
    fleet.fail(order!, { code: 'order_withdrawn' })
    assert.deepEqual(fleet.step(), [])
    assert.equal(fleet.stateOf('m0'), 'waiting')
  }
})

test('at any time, at most the permitted number of machines is updating, and none is ordered while too many are down', () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 8) % below
    }
    const max = 1 + random(4)
    const waves = Array.from({ length: 12 }, () => random(2))
    const fleet = new Fleet({ max_unavailable: max, soak_s: 30, halt_on: 2 + random(5) }, waves)
    const ids = [...fleet.machines.keys()]
    for (let turn = 0; turn < 150; turn++) {
      const id = ids[random(ids.length)]!
      const open = fleet.orders.filter(
        ({ command_id }) => fleet.outcomes.get(command_id)?.state === 'pending',
      )
      const order = open[random(Math.max(1, open.length))]
      const deeds = [
        () => fleet.connect(id, false),
        () => fleet.connect(id, true),
        () => order && fleet.succeed(order),
        () => order && fleet.succeed(order),
        () => order && fleet.fail(order, { code: 'update_crashed' }),
        () => order && fleet.fail(order, { code: 'policy', path: 'update.window' }),
        () => {
          fleet.rollout = after(fleet.rollout, EVENTS[random(EVENTS.length)]!) ?? fleet.rollout
        },
        () => {
          // The hub was killed: it has only what it stored.
          fleet.rollout = JSON.parse(JSON.stringify(fleet.rollout))
        },
      ]
      deeds[random(deeds.length)]!()
      const orders = fleet.step(random(4) * 20_000)
      const busy = fleet.rollout.machines.filter(({ state: each }) =>
        ['updating', 'returning'].includes(each),
      )
      assert.ok(busy.length <= max, `seed ${seed}: ${busy.length} of ${max} updating`)
      const group = fleet.rollout.machines.filter(({ wave }) => wave === 0)
      const isTested = group.some(({ updated_at, accepted }) => updated_at !== undefined || accepted)
      if (fleet.rollout.wave > 0 && group.length > 0)
        assert.ok(isTested, `seed ${seed}: the second group began before the first was tested`)
      if (orders.length > 0)
        assert.ok(unavailableIn(fleet.rollout, fleet.world) <= max, `seed ${seed}: too many down`)
    }
    assert.equal(new Set(fleet.orders.map(({ command_id }) => command_id)).size, fleet.orders.length)
  }
})
