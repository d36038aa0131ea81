import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { clearTemporary } from '../../../src/platform/files.ts'
import { tempDir } from '../../support/temp.ts'

/** Higher than any process's. */
const NO_PID = 4_194_305

test('what a process that is gone had not finished writing is cleared, and nothing else', (t) => {
  const dir = tempDir(t)
  const keep = [`state.json.${process.pid}.tmp`, 'exit.tmp', 'a.tmp.json', `b.${NO_PID}`, `${NO_PID}.tmp`]
  for (const name of [...keep, `state.json.${NO_PID}.tmp`]) writeFileSync(join(dir, name), '')
  clearTemporary(dir)
  assert.deepEqual(readdirSync(dir).sort(), keep.sort())
})
