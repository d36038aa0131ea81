import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { layoutOf } from '../../../../src/update/switch/layout.ts'
import { tempDir } from '../../../support/temp.ts'

function program(dir: string): string {
  mkdirSync(join(dir, 'dist'), { recursive: true })
  writeFileSync(join(dir, 'package.json'), '{}')
  writeFileSync(join(dir, 'dist/index.js'), '')
  return join(dir, 'dist/index.js')
}

test('a folder with versions and a `current` link is a prefix of this program, but the folder of nvm is not', (t) => {
  const root = tempDir(t)
  const folder = 'versions/node/v20.1.0'
  const modules = join(root, folder, 'lib/node_modules/@fomular-os/daemon')
  const global = program(modules)
  symlinkSync(join(root, folder), join(root, 'current'))
  assert.deepEqual(layoutOf(global, false), { kind: 'package', root: modules, program: 'dist/index.js' })
  for (const name of ['1.2.0', '1.3.0-beta.1', '.trial-1.2.0'])
    assert.deepEqual(layoutOf(program(join(root, 'versions', name)), false), {
      kind: 'prefix',
      root,
      program: 'dist/index.js',
    })
})

test('an executable from the Debian package belongs to apt', (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'fomular-daemon')
  assert.equal(layoutOf(path, true).kind, 'executable')
  writeFileSync(join(dir, 'installed-by'), 'apt\n')
  assert.equal(layoutOf(path, true).kind, 'apt')
})
