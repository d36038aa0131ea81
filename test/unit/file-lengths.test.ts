import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { files, text } from './source-modules.ts'

const tests = fileURLToPath(new URL('..', import.meta.url))
const linesIn = (content: string) => content.trimEnd().split('\n').length
const lengthOf = (file: string) => linesIn(text(file))

test('no source file is longer than 300 lines', () => {
  const long = files.filter((file) => lengthOf(file) > 300)
  assert.deepEqual(long, [])
})

test('no file of tests is longer than 300 lines', () => {
  const all = globSync('**/*.{ts,py}', { cwd: tests })
  assert.ok(all.length > 0)
  assert.deepEqual(
    all.filter((file) => linesIn(readFileSync(join(tests, file), 'utf8')) > 300),
    [],
  )
})

test('half of the source files have at most 70 lines', () => {
  const lengths = files.map(lengthOf).sort((a, b) => a - b)
  assert.ok(lengths[lengths.length >> 1]! <= 70)
})
