import assert from 'node:assert/strict'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SYSTEM_PATH } from '../../../src/platform/system-path.ts'
import { trustedPath } from '../../../src/platform/trusted-path.ts'
import { tempDir } from '../../support/temp.ts'

test('root searches for programs only in folders that no other user can change', (t) => {
  const dir = tempDir(t)
  const [closed, open] = ['closed', 'open'].map((name) => join(dir, name)) as [string, string]
  for (const folder of [closed, open]) mkdirSync(folder)
  chmodSync(open, 0o777)
  const PATH = ['bin', open, '/usr/bin', '.', closed].join(':')
  const isRoot = process.getuid?.() === 0
  assert.equal(trustedPath({ PATH }), isRoot ? `/usr/bin:${closed}` : PATH)
  assert.equal(trustedPath({ PATH: open }), isRoot ? SYSTEM_PATH : open)
  assert.equal(trustedPath({}), SYSTEM_PATH)
  if (!isRoot) return
  process.seteuid?.(65534)
  t.after(() => process.seteuid?.(0))
  assert.equal(trustedPath({ PATH }), PATH)
})
