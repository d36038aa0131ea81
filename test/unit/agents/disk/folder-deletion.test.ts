import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { namesIn } from '../../../../src/agents/disk/folder.ts'
import { FolderDeletion } from '../../../../src/agents/disk/folder-deletion.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { withoutDescriptors } from '../../../support/descriptors.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { tempDir } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

test('a removed folder is renamed at once, even if no file can be opened, and is deleted later', async (t) => {
  const dir = tempDir(t)
  const clock = new ManualClock()
  const discards = new FolderDeletion({ dir, clock, logger })
  for (const name of ['a', 'b']) {
    mkdirSync(join(dir, name, 'in'), { recursive: true })
    writeFileSync(join(dir, name, 'spec.json'), '{}')
  }
  await withoutDescriptors(() => discards.discard(join(dir, 'a')))
  assert.deepEqual(
    readdirSync(dir).map((name) => name.replace(/^\.removed-.*/, 'removed')),
    ['removed', 'b'],
  )
  clock.pass(10_000)
  await until(() => readdirSync(dir).length === 1, { what: 'the deletion' })
  assert.deepEqual(namesIn(dir), ['b'])
})

test('a folder that a daemon could not delete is deleted by the next daemon', async (t) => {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'a'))
  const discards = new FolderDeletion({ dir, clock: new ManualClock(), logger })
  await withoutDescriptors(() => discards.discard(join(dir, 'a')))
  discards.close()
  assert.deepEqual(namesIn(dir), [])
  assert.deepEqual(readdirSync(dir), [])
})
