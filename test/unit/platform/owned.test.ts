// Needs: root
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readOwned } from '../../../src/platform/owned.ts'
import { isForeign } from '../../../src/platform/sockets.ts'
import { tempDir } from '../../support/temp.ts'

const NOBODY = 65534

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

test('so it is in one that a group with other members may write to', (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'file')
  writeFileSync(file, 'text')
  const read = (group: number, owner: number) => {
    chownSync(dir, 0, group)
    chmodSync(dir, 0o770)
    chownSync(file, owner, group)
    return [isForeign(dir), readOwned(file, 100)]
  }
  assert.deepEqual(read(NOBODY, NOBODY), [true, undefined])
  assert.deepEqual(read(NOBODY, 0), [true, 'text'])
  // Nobody but root is in its group.
  assert.deepEqual(read(0, 0), [false, 'text'])
})
