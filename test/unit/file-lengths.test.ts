import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, text } from './source-modules.ts'

const lengthOf = (file: string) => text(file).trimEnd().split('\n').length

test('no source file is longer than 300 lines', () => {
  const long = files.filter((file) => lengthOf(file) > 300)
  assert.deepEqual(long, [])
})

test('half of the source files have at most 70 lines', () => {
  const lengths = files.map(lengthOf).sort((a, b) => a - b)
  assert.ok(lengths[lengths.length >> 1]! <= 70)
})
