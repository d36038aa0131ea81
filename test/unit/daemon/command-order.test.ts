import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CommandOrder } from '../../../src/daemon/command-order.ts'
import type { Command } from '../../../src/protocol/index.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const INTERRUPTS = 20_000
/** Maximum memory that may still be in use after each interrupt, in bytes. */
const EACH_BYTES = 50

function held(): number {
  gc()
  return process.memoryUsage().heapUsed
}

test('interrupts that have started take no memory, even if an agent always has a next command', async () => {
  let wasIdle = false
  const order = new CommandOrder(() => (wasIdle = true))
  const interrupt = {
    type: 'agent:interrupt',
    command_id: 'i',
    agent_id: 'a',
    cancel_queued: false,
  } as Command
  const add = () => order.add(interrupt, { permit: async () => {}, begin: async () => {} })
  let next = add()
  const interrupts = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const earlier = next
      next = add()
      await earlier
    }
  }
  await interrupts(INTERRUPTS / 10)
  const before = held()
  await interrupts(INTERRUPTS)
  const perInterrupt = (held() - before) / INTERRUPTS
  assert.ok(!wasIdle)
  assert.ok(perInterrupt < EACH_BYTES, `${perInterrupt} bytes`)
})
