import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readOwned } from '../../../src/platform/owned.ts'
import { tempDir } from '../../support/temp.ts'

test('a pipe in place of a file is not waited for, and is nothing', (t) => {
  const path = join(tempDir(t), 'daemon.lock')
  execFileSync('mkfifo', [path])
  assert.equal(readOwned(path, 100), undefined)
})

test('in a folder that everybody may write to, only what this user put there itself is read', (t) => {
  const dir = tempDir(t)
  const open = join(dir, 'open')
  mkdirSync(open)
  chmodSync(open, 0o1777)
  writeFileSync(join(dir, 'secret'), 'secret')
  symlinkSync(join(dir, 'secret'), join(open, 'link'))
  writeFileSync(join(open, 'own'), 'own')
  assert.equal(readOwned(join(open, 'link'), 100), undefined)
  assert.equal(readOwned(join(open, 'own'), 100), 'own')
  symlinkSync(join(dir, 'secret'), join(dir, 'link'))
  assert.equal(readOwned(join(dir, 'link'), 100), 'secret')
})
