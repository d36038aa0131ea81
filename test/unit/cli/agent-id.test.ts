import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveId } from '../../../src/cli/client/agent-id.ts'

test('an agent can be named by its id, or by a unique prefix', () => {
  const known = ['a-1', 'a-12', 'b-3']
  assert.equal(resolveId('a-1', known, 'agent'), 'a-1')
  assert.equal(resolveId('b', known, 'agent'), 'b-3')
  assert.throws(() => resolveId('a', known, 'agent'), /"a" matches several ids: a-1, a-12/)
  assert.throws(() => resolveId('c', known, 'agent'), /There is no agent "c"/)
  assert.throws(() => resolveId('', [], 'machine'), /There is no machine yet/)
})
