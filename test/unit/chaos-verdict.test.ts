import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Issued } from '../chaos/driver.ts'
import { outcomes } from '../chaos/verdict/effects.ts'
import type { Case } from '../chaos/verdict/judge.ts'

/** An agent about which nothing can be said against. */
const agent = (parts: Partial<Case> = {}): Case => ({
  known: { id: 'a1', machine: {} as never, removing: false, watched: false, seen: [] },
  processes: [],
  commands: [],
  kills: [],
  begin: 0,
  diskWasFull: false,
  ...parts,
})

const command = (parts: Partial<Issued> = {}): Issued => ({
  id: 'c1',
  kind: 'prompt',
  agent: 'a1',
  body: {},
  state: 'accepted',
  outcome: { command_id: 'c1', machine_id: 'm', state: 'succeeded' },
  ...parts,
})

test('a command must be taken, and answered, and its answer must still be known', () => {
  const judged = (parts: Partial<Issued>) => outcomes(agent({ commands: [command(parts)] }))
  const pending = { command_id: 'c1', machine_id: 'm', state: 'pending' } as const
  assert.deepEqual(judged({}), [])
  assert.deepEqual(judged({ state: 'refused', outcome: pending }), [])
  assert.deepEqual(judged({ state: 'open' }), ['prompt c1 was never taken'])
  assert.deepEqual(judged({ outcome: pending }), ['prompt c1 has no outcome'])
  assert.deepEqual(judged({ outcome: pending, forgotten: true }), [
    'prompt c1 was taken and then forgotten, without an outcome',
  ])
  assert.deepEqual(
    judged({ outcome: { ...pending, state: 'failed', error: { code: 'internal', message: 'x' } } }),
    ['prompt c1 failed: x'],
  )
})
