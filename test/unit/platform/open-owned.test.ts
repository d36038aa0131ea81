// Needs: root
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, closeSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { readOwned } from '../../../src/platform/open-owned.ts'
import { addressOfForeign, isForeign } from '../../../src/platform/sockets.ts'
import { tempDir } from '../../support/temp.ts'

const NOBODY = 65534
const OTHER = 65533

test('a pipe in place of a file is ignored, without waiting for a writer', (t) => {
  const path = join(tempDir(t), 'daemon.lock')
  execFileSync('mkfifo', [path])
  assert.equal(readOwned(path, 100), undefined)
})

test('in a folder that everyone can write to, only this user’s own files are read', (t) => {
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

test('in a folder that a group can write to, only this user’s own files are read', (t) => {
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
  // Only root is a member of the group 0.
  assert.deepEqual(read(0, 0), [false, 'text'])
})

test('a socket in a shared folder must belong to root, the folder’s owner or this user', async (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'daemon.sock')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(() => server.close())
  chmodSync(dir, 0o755)
  const reached = (user: number, socket: number, folder: number) => {
    chownSync(path, socket, socket)
    chownSync(dir, folder, folder)
    process.seteuid?.(user)
    try {
      closeSync(Number(basename(addressOfForeign(path))))
      return true
    } catch {
      return false
    } finally {
      process.seteuid?.(0)
    }
  }
  // The volume of a container belongs to root.
  assert.equal(reached(NOBODY, NOBODY, 0), true)
  assert.equal(reached(NOBODY, 0, OTHER), true)
  assert.equal(reached(NOBODY, OTHER, OTHER), true)
  assert.equal(reached(NOBODY, OTHER, 0), false)
})
