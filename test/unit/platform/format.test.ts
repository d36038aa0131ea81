import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../../../src/platform/errors.ts'
import { readFormat, upgradeFolder } from '../../../src/platform/format.ts'
import { tempDir } from '../../support/temp.ts'

const formatIn = (dir: string) => JSON.parse(readFileSync(join(dir, 'format.json'), 'utf8')).format

test('a folder is upgraded once through every format from its own format to the newest', (t) => {
  const dir = tempDir(t)
  const done: number[] = []
  const upgrade = (format: number) => () => void done.push(format)
  upgradeFolder(dir, [upgrade(0)])
  assert.deepEqual([done, formatIn(dir)], [[0], 1])
  upgradeFolder(dir, [upgrade(0), upgrade(1), upgrade(2)])
  assert.deepEqual([done, formatIn(dir)], [[0, 1, 2], 3])
  upgradeFolder(dir, [upgrade(0), upgrade(1), upgrade(2)])
  assert.deepEqual(done, [0, 1, 2])
})

test('an interrupted upgrade is repeated, but the upgrades before it are not', (t) => {
  const dir = tempDir(t)
  const done: string[] = []
  const fails = () => {
    done.push('begun')
    throw new Error('the power went')
  }
  assert.throws(() => upgradeFolder(dir, [() => void done.push('first'), fails]))
  upgradeFolder(dir, [() => void done.push('first'), () => void done.push('second')])
  assert.deepEqual([done, formatIn(dir)], [['first', 'begun', 'second'], 2])
})

test('a folder in a newer format is refused, even if the format of its marker is also newer', (t) => {
  const dir = tempDir(t)
  for (const mark of ['{"version":1,"format":2}', '{"version":2}']) {
    writeFileSync(join(dir, 'format.json'), mark)
    assert.throws(
      () => readFormat(dir, [() => {}]),
      (error) => error instanceof UserError && error.code === 'state_newer',
    )
  }
})
