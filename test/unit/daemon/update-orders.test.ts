import assert from 'node:assert/strict'
import { test } from 'node:test'
import { updateOrders } from '../../../src/daemon/update-orders.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'

const keyOf = (policy: object | undefined, origin: 'server' | 'refusal') => {
  try {
    updateOrders(() => policy && PolicyFile.parse({ version: 1, ...policy })).check('9.9.9', origin)
    return undefined
  } catch (error) {
    return (error as { error: { path: string } }).error.path
  }
}

test('the policy checks an update command from a server, and an update that a server orders by refusing the connection', () => {
  for (const origin of ['server', 'refusal'] as const) {
    assert.equal(keyOf({}, origin), undefined)
    assert.equal(keyOf({ commands: { deny: ['daemon:update'] } }, origin), 'commands.deny')
    assert.equal(keyOf({ update: { allow: false } }, origin), 'update.allow')
    assert.equal(keyOf(undefined, origin), 'policy')
  }
  // The gate has already permitted the command. It never sees a refusal, so a refusal cannot order an update.
  const gate = { program: '/bin/true' }
  assert.deepEqual([keyOf({ gate }, 'server'), keyOf({ gate }, 'refusal')], [undefined, 'gate'])
})
