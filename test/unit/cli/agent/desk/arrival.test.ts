import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arrival } from '../../../../../src/cli/agent/desk/arrival.ts'

/** Longer than any test. */
const NEVER_MS = 2 ** 30

test('all agents are known when the hub says so, even if agents never stop changing', (t) => {
  let count = 0
  const arrival = new Arrival({ quietMs: NEVER_MS, onComplete: () => count++ })
  t.after(() => arrival.close())
  const removed = { type: 'agent_removed', machine_id: 'm', agent_id: 'a' } as const
  for (const change of [{ type: 'reset' } as const, removed, removed]) arrival.take(change)
  assert.equal(arrival.isComplete, false)
  arrival.take({ type: 'current' })
  assert.equal(arrival.isComplete, true)
  arrival.take(removed)
  arrival.take({ type: 'current' })
  assert.equal(count, 1)
  arrival.take({ type: 'reset' })
  assert.equal(arrival.isComplete, false)
  arrival.take({ type: 'current' })
  assert.equal(count, 2)
})

test('all agents of an older hub are known when nothing has changed for some time', async (t) => {
  let onComplete = () => {}
  const complete = new Promise<void>((resolve) => {
    onComplete = resolve
  })
  const arrival = new Arrival({ quietMs: 1, onComplete })
  t.after(() => arrival.close())
  arrival.take({ type: 'reset' })
  await complete
  assert.equal(arrival.isComplete, true)
})
