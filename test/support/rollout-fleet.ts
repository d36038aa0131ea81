import assert from 'node:assert/strict'
import { advance, after } from '../../src/hub/rollouts/advance.ts'
import type { MachineFacts, World } from '../../src/hub/rollouts/observe.ts'
import type { UpdateOrder } from '../../src/hub/rollouts/orders.ts'
import type { RolloutRecord } from '../../src/hub/store/rollout-records.ts'
import type { Outcome } from '../../src/protocol/index.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
export const MINUTE = 60_000

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

type Answer = Pick<Outcome, 'state' | 'error'>

/** A hub with machines, without a network. Each step advances its rollout. */
export class Fleet {
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

export const idsOf = (orders: UpdateOrder[]) => orders.map(({ machine_id }) => machine_id)
