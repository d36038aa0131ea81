import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advance, after, halted, unavailableIn } from '../../../../src/hub/rollouts/advance.ts'
import type { MachineFacts, World } from '../../../../src/hub/rollouts/observe.ts'
import type { UpdateOrder } from '../../../../src/hub/rollouts/orders.ts'
import type { RolloutRecord } from '../../../../src/hub/store/rollout-records.ts'
import type { Outcome } from '../../../../src/protocol/index.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const MINUTE = 60_000

const rolloutOf = (rest: Partial<RolloutRecord> = {}): RolloutRecord => ({
  rollout_id: 'r',
  version: '2.0.0',
  groups: ['canary', 'rest'],
  max_unavailable: 1,
  soak_s: 600,
  halt_on: 1,
  offline_s: 300,
  allow_downgrade: false,
  created_at: new Date(START).toISOString(),
  state: 'running',
  wave: 0,
  machines: [],
  ...rest,
})

/** A rollback is rare, because no update follows it. */
const EVENTS = ['pause', 'resume', 'resume', 'resume', 'resume', 'roll_back'] as const

type Answer = Pick<Outcome, 'state' | 'error'>

/** A hub with machines, without a network. */
class Fleet {
  rollout: RolloutRecord
  now = START
  readonly machines = new Map<string, MachineFacts>()
  readonly outcomes = new Map<string, Answer>()
  readonly orders: UpdateOrder[] = []
  readonly turns: { machine_id: string; at: number; failed: boolean }[] = []

  constructor(rollout: Partial<RolloutRecord>, waves: number[]) {
    this.rollout = rolloutOf(rollout)
    for (const [n, wave] of waves.entries())
      this.machines.set(`m${n}`, { wave, connected: true, sinceMs: START, version: '1.0.0', errors: 0 })
  }

  get world(): World {
    const { now, machines, outcomes } = this
    const turnsOf = (id: string, fromMs: number, toMs: number) => {
      const found = this.turns.filter(({ machine_id, at }) => machine_id === id && at >= fromMs && at < toMs)
      return { ended: found.length, failed: found.filter(({ failed }) => failed).length }
    }
    return { now, machines, outcomeOf: (id) => outcomes.get(id), turnsOf }
  }

  step(ms = 0): UpdateOrder[] {
    this.now += ms
    const { rollout, orders } = advance(this.rollout, this.world)
    this.rollout = rollout
    for (const order of orders) this.outcomes.set(order.command_id, { state: 'pending' })
    this.orders.push(...orders)
    return orders
  }

  order(event: Parameters<typeof after>[1]) {
    const next = after(this.rollout, event)
    assert.ok(next, `${event} in ${this.rollout.state}`)
    this.rollout = next
  }

  succeed({ command_id, machine_id, version }: UpdateOrder) {
    this.outcomes.set(command_id, { state: 'succeeded' })
    this.machines.get(machine_id)!.version = version
  }

  fail({ command_id }: UpdateOrder, error: { code: string; path?: string; until?: string }) {
    this.outcomes.set(command_id, { state: 'failed', error: { message: 'No.', ...error } })
  }

  /** Ends turns of a machine's agents now. */
  end(machine_id: string, ended: number, failed: number) {
    for (let n = 0; n < ended; n++) this.turns.push({ machine_id, at: this.now, failed: n < failed })
  }

  connect(id: string, connected: boolean) {
    Object.assign(this.machines.get(id)!, { connected, sinceMs: this.now })
  }

  stateOf = (id: string) => this.rollout.machines.find(({ machine_id }) => machine_id === id)?.state
}

const idsOf = (orders: UpdateOrder[]) => orders.map(({ machine_id }) => machine_id)

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
