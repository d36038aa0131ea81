import assert from 'node:assert/strict'
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lastLines, newLines } from '../../../src/cli/tail.ts'
import { tempDir } from '../../support/temp.ts'

test('the tail of a log contains only complete lines', (t) => {
  const path = join(tempDir(t), 'log')
  assert.equal(lastLines(path, 5), undefined)
  writeFileSync(path, 'one\ntwo\nthrée\ntorn')
  assert.deepEqual(lastLines(path, 2)?.lines, ['two', 'thrée'])
  assert.deepEqual(lastLines(path, 0)?.lines, [])
})

test('new log lines arrive once each, even when the log is rotated', async (t) => {
  const path = join(tempDir(t), 'log')
  writeFileSync(path, 'old\nto')
  const added = newLines(path, lastLines(path, 1)?.place)
  const next = async () => (await added.next()).value
  appendFileSync(path, 'rn\nnext\n')
  assert.equal(await next(), 'torn')
  assert.equal(await next(), 'next')
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'fresh\n')
  assert.equal(await next(), 'fresh')
  await added.return(undefined)
})
