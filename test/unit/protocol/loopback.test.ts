import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback } from '../../../src/protocol/loopback.ts'

test('only names and addresses of this machine count as loopback', () => {
  const own = [
    'localhost',
    'LOCALHOST',
    'hub.localhost',
    '127.0.0.1',
    '127.255.0.9',
    '[::1]',
    '[::ffff:7f00:1]',
  ]
  const others = [
    '127.example.com',
    '127.0.0.1.example.com',
    '127.0.0.256',
    '127.0.1',
    '128.0.0.1',
    '::',
    'a',
  ]
  assert.deepEqual([...own, ...others].filter(isLoopback), own)
})
