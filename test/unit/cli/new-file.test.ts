import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fillNewFile } from '../../../src/cli/hub/new-file.ts'
import { limited } from '../../support/limited.ts'
import { tempDir } from '../../support/temp.ts'

test('a new key file contains only the key, and only its user can read it', async (t) => {
  const path = join(tempDir(t), 'key')
  assert.equal(await fillNewFile(path, 200, async () => ({ value: 1, text: 'key\n' })), 1)
  assert.equal(readFileSync(path, 'utf8'), 'key\n')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await assert.rejects(
    fillNewFile(path, 200, async () => assert.fail()),
    { code: 'file_unusable' },
  )
  assert.equal(readFileSync(path, 'utf8'), 'key\n')
})

test('no key is created when the disk is full, and no file is left behind when the creation of a key fails', async (t) => {
  const path = join(tempDir(t), 'key')
  const said = limited(
    0,
    `import { fillNewFile } from 'SRC/cli/hub/new-file.ts'
    fillNewFile('${path}', 200, async () => console.log('made')).catch(({ code }) => console.log(code))`,
  )
  assert.equal(said.trim(), 'file_unusable')
  assert.ok(!existsSync(path))
  await assert.rejects(
    fillNewFile(path, 200, async () => {
      throw new Error('no hub')
    }),
    /no hub/,
  )
  assert.ok(!existsSync(path))
})
