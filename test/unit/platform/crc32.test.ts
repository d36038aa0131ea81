import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, tableCrc32 } from '../../../src/platform/crc32.ts'

test('checksums have the same values on every version of Node', () => {
  for (const [text, crc] of [
    ['', 0],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ] as const)
    assert.deepEqual([crc32(Buffer.from(text)), tableCrc32(Buffer.from(text))], [crc, crc])
})
