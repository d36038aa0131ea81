import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UpdateFailure } from '../../../../src/update/failure.ts'
import { checkIntegrity } from '../../../../src/update/fetch/verify.ts'
import { tempDir } from '../../../support/temp.ts'

const release = (integrity: string) => ({
  name: '@a/b',
  version: '1.0.0',
  dist: { integrity, tarball: '' },
})

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof UpdateFailure && error.error.code === 'update_integrity' && message.test(error.message)

test('a package must match its sha512, and a package without a sha512 is refused', async (t) => {
  const file = join(tempDir(t), 'a.tgz')
  writeFileSync(file, 'content')
  const hash = createHash('sha512').update('content').digest('base64')
  await checkIntegrity(file, release(`sha1-x sha512-${hash}`))
  await assert.rejects(checkIntegrity(file, release('sha512-AAAA')), refused(/does not match/))
  await assert.rejects(checkIntegrity(file, release('sha1-AAAA')), refused(/no sha512/))
})
