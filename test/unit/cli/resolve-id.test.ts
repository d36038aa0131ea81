import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveId } from '../../../src/cli/client/resolve-id.ts'

test('an agent can be named by its id, or by a unique prefix', () => {
  const known = ['a-1', 'a-12', 'b-3']
  assert.equal(resolveId('a-1', known, { what: 'agent' }), 'a-1')
  assert.equal(resolveId('b', known, { what: 'agent' }), 'b-3')
  assert.throws(() => resolveId('a', known, { what: 'agent' }), /"a" matches several ids: a-1, a-12/)
  assert.throws(() => resolveId('c', known, { what: 'agent' }), /There is no agent "c"/)
  assert.throws(() => resolveId('', [], { what: 'machine' }), /There is no machine yet/)
  assert.throws(() => resolveId('c', known, { what: 'token', list: 'hub token list' }), {
    code: 'token_not_found',
    remedy: 'Run `fomular-daemon hub token list` to list them.',
  })
})

test('an object that is lost for good is named by several characters of its id', () => {
  const [what, least] = ['session', 4]
  assert.throws(() => resolveId('5d0', ['5d0c8'], { what, least }), /There is no session "5d0"/)
  assert.equal(resolveId('5d0c', ['5d0c8'], { what, least }), '5d0c8')
  const many = Array.from({ length: 30 }, (_, n) => `same-${n}\u001b`)
  assert.throws(() => resolveId('same', many, { what, least }), /: same-0␛, .*same-9␛, …\.$/)
})
