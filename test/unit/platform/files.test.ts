import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { clearTemporary, makeFolder, writeAtomic } from '../../../src/platform/files.ts'
import { tempDir } from '../../support/temp.ts'

/** A number that is higher than any process id. */
const NO_PID = 4_194_305

test('only unfinished files of a dead process are deleted', (t) => {
  const dir = tempDir(t)
  const others = `state.json.${process.ppid}.tmp`
  const keep = ['exit.tmp', 'a.tmp.json', `b.${NO_PID}`, `${NO_PID}.tmp`]
  // In a container, a process may have the pid of its predecessor.
  const left = [NO_PID, process.pid].map((pid) => `state.json.${pid}.tmp`)
  for (const name of [...keep, others, ...left]) writeFileSync(join(dir, name), '')
  clearTemporary(dir)
  assert.deepEqual(readdirSync(dir).sort(), [...keep, others].sort())
  clearTemporary(dir, { sole: true })
  assert.deepEqual(readdirSync(dir).sort(), keep.sort())
})

for (const umask of [0o000, 0o077])
  test(`umask ${umask.toString(8).padStart(3, '0')} does not affect the mode of any file or folder`, (t) => {
    const dir = tempDir(t)
    const before = process.umask(umask)
    try {
      writeAtomic(join(dir, 'unit'), '', { mode: 0o644 })
      writeAtomic(join(dir, 'key'), '')
      makeFolder(join(dir, 'versions/1.0.0'))
    } finally {
      process.umask(before)
    }
    const modes = ['unit', 'key', 'versions', 'versions/1.0.0'].map(
      (name) => statSync(join(dir, name)).mode & 0o777,
    )
    assert.deepEqual(modes, [0o644, 0o600, 0o755, 0o755])
  })
