import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { LimitOrders } from '../../../../src/agents/disk/limit-orders.ts'
import { tempDir } from '../../../support/temp.ts'

test('the next daemon remembers that a person ended a wait, until the agent gets a new order', (t) => {
  const path = join(tempDir(t), 'limit.json')
  new LimitOrders(path, 'wait', 10).endWait({ at: 5 })
  const next = new LimitOrders(path, 'wait', 10)
  assert.deepEqual([next.isWaitFor({ at: 5 }), next.isWaitFor({ at: 9 })], [false, true])
  next.order('wait')
  assert.equal(new LimitOrders(path, 'show', 10).isWaitFor({ at: 5 }), true)
})

test('a wait can be ended even if nothing can be written to the disk, so that an agent can still be stopped', (t) => {
  const orders = new LimitOrders(join(tempDir(t), 'missing', 'limit.json'), 'wait', 10)
  orders.endWait({ at: 5 })
  assert.equal(orders.isWaitFor({ at: 5 }), false)
  assert.throws(() => orders.order('stop'))
  assert.equal(orders.onLimit, 'wait')
})

test('if the disk has lost the end of the journal, an ended wait does not end the waits for later limits', (t) => {
  const path = join(tempDir(t), 'limit.json')
  new LimitOrders(path, 'wait', 4300).endWait({ at: 4214 })
  for (const size of [106, 5000]) {
    const next = new LimitOrders(path, 'wait', size)
    assert.deepEqual([next.isWaitFor({ at: 106 }), next.isWaitFor({ at: 480 })], [false, true])
  }
})
