import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs, { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { acquireLock, LockHeldError } from '../../../src/platform/lock.ts'
import { identify, type ProcessIdentity } from '../../../src/platform/process-identity.ts'
import { withoutDescriptors } from '../../support/descriptors.ts'
import { limited } from '../../support/limited.ts'
import { tempDir } from '../../support/temp.ts'

/** Starts another process that lives as long as the test. */
function other(t: TestContext): ProcessIdentity {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.after(() => void child.kill('SIGKILL'))
  return identify(child.pid!)!
}

const held = (path: string) => (error: unknown) =>
  error instanceof LockHeldError && error.holder.pid === JSON.parse(readFileSync(path, 'utf8')).pid

test('only one living process can hold a lock, and a released lock leaves no file behind', (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'lock')
  const release = acquireLock(path)
  assert.throws(() => acquireLock(path), held(path))
  assert.deepEqual(readdirSync(dir), ['lock'])
  release()
  assert.deepEqual(readdirSync(dir), [])
})

test('a lock is free if its process has ended, if its pid was reused, or if its file is damaged', (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'lock')
  const living = other(t)
  const dead = [JSON.stringify({ ...living, start: '1' }), '', '{"pid']
  for (const text of dead) {
    writeFileSync(path, text)
    acquireLock(path)()
    assert.deepEqual(readdirSync(dir), [])
  }
  writeFileSync(path, JSON.stringify(living))
  assert.throws(() => acquireLock(path), held(path))
})

test('a lock of an earlier boot is free, but a lock of a living process with another boot id is not', (t) => {
  const path = join(tempDir(t), 'lock')
  writeFileSync(path, JSON.stringify({ ...other(t), boot_id: 'b' }))
  assert.throws(() => acquireLock(path), held(path))
  const before = Date.now() / 1000 - 3600
  utimesSync(path, before, before)
  acquireLock(path)()
})

test('a process that removes the lock of a dead process does not remove the new lock of a faster process', (t) => {
  const path = join(tempDir(t), 'lock')
  const living = other(t)
  writeFileSync(path, JSON.stringify({ ...living, start: '1' }))
  // Another process takes the lock between the check and the removal.
  const { rmSync, renameSync } = fs
  const overtaken = () => {
    Object.assign(fs, { rmSync, renameSync })
    syncBuiltinESMExports()
    rmSync(path)
    writeFileSync(path, JSON.stringify(living))
  }
  const late = <A extends unknown[]>(run: (...args: A) => void) =>
    ((...args: A) => {
      if (args[0] === path) overtaken()
      run(...args)
    }) as never
  Object.assign(fs, { rmSync: late(rmSync), renameSync: late(renameSync) })
  t.after(() => {
    Object.assign(fs, { rmSync, renameSync })
    syncBuiltinESMExports()
  })
  syncBuiltinESMExports()
  assert.throws(() => acquireLock(path), held(path))
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), living)
})

test('a lock that cannot be taken because the disk is full leaves no file behind', (t) => {
  const dir = tempDir(t)
  const printed = limited(
    0,
    `
      import { acquireLock } from 'SRC/platform/lock.ts'
      try {
        acquireLock(${JSON.stringify(join(dir, 'lock'))})
      } catch (error) {
        process.stdout.write(error.code)
      }
    `,
  )
  assert.equal(printed, 'EFBIG')
  assert.deepEqual(readdirSync(dir), [])
})

test('without free file descriptors, releasing a lock does not fail, but leaves the lock’s file behind', async (t) => {
  const path = join(tempDir(t), 'lock')
  const release = acquireLock(path)
  await withoutDescriptors(release)
  assert.ok(fs.existsSync(path))
  release()
  assert.ok(!fs.existsSync(path))
})
