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

/** Another process that lives as long as the test. */
function other(t: TestContext): ProcessIdentity {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.after(() => void child.kill('SIGKILL'))
  return identify(child.pid!)!
}

const held = (path: string) => (error: unknown) =>
  error instanceof LockHeldError && error.holder.pid === JSON.parse(readFileSync(path, 'utf8')).pid

test('a lock is for one living process, and leaves nothing behind', (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'lock')
  const release = acquireLock(path)
  assert.throws(() => acquireLock(path), held(path))
  assert.deepEqual(readdirSync(dir), ['lock'])
  release()
  assert.deepEqual(readdirSync(dir), [])
})

test('a lock of a process that is gone, or only has the pid of one, is free; a damaged one as well', (t) => {
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

test('a lock of an earlier boot is free, by whatever pid and start it names; a live one of this boot by its other id is not', (t) => {
  const path = join(tempDir(t), 'lock')
  writeFileSync(path, JSON.stringify({ ...other(t), boot_id: 'b' }))
  assert.throws(() => acquireLock(path), held(path))
  const before = Date.now() / 1000 - 3600
  utimesSync(path, before, before)
  acquireLock(path)()
})

test('of two that find a dead lock, the one that comes late does not take away the other’s', (t) => {
  const path = join(tempDir(t), 'lock')
  const living = other(t)
  writeFileSync(path, JSON.stringify({ ...living, start: '1' }))
  // Between looking at it and clearing it, the other one has done both.
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

test('a lock that cannot be taken on a full disk leaves nothing behind', (t) => {
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

test('a lock that cannot be looked at for want of descriptors stays, and does not fail who gives it up', async (t) => {
  const path = join(tempDir(t), 'lock')
  const release = acquireLock(path)
  await withoutDescriptors(release)
  assert.ok(fs.existsSync(path))
  release()
  assert.ok(!fs.existsSync(path))
})
