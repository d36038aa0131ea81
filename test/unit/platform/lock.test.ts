import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { limited } from '../../support/limited.ts'
import { tempDir } from '../../support/temp.ts'

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
