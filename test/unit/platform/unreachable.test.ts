import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUntrusted, unreachable } from '../../../src/platform/unreachable.ts'

const failure = (code: string, message: string) => Object.assign(new Error(message), { code })

test('a connection failure is explained in words', () => {
  const refused = failure('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1')
  assert.equal(unreachable(refused), 'nothing listens there (connect ECONNREFUSED 127.0.0.1:1)')
  assert.equal(unreachable(new AggregateError([refused, refused])), unreachable(refused))
  assert.equal(unreachable(new Error('Opening handshake has timed out')), 'Opening handshake has timed out')
  assert.equal(unreachable(failure('EWHATEVER', 'something new')), 'something new')
})

test('the error about an untrusted certificate names the setting for its authority', () => {
  for (const code of [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ]) {
    assert.ok(isUntrusted(failure(code, 'no')))
    assert.match(unreachable(failure(code, 'no')), new RegExp(`--ca-file\\) \\(${code}\\)$`))
  }
  assert.equal(isUntrusted(failure('CERT_HAS_EXPIRED', 'no')), false)
  assert.equal(unreachable(failure('CERT_HAS_EXPIRED', 'old')), 'its certificate has expired (old)')
})
