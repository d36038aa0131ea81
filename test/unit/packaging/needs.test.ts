import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { debianPackages } from '../../suite/debian-packages.ts'
import { needsOf } from '../../suite/needs.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const needs = (pattern: string) =>
  new Set(globSync(pattern, { cwd: root }).flatMap((file) => [...needsOf(root + file)]))

test('every program that tests say they need has its Debian package, and the list has no other', () => {
  const programs = needs('test/**/*.ts')
  programs.delete('root')
  assert.deepEqual([...programs].sort(), [...debianPackages.keys()].sort())
})

test('what a test needs is what it says, and what it imports from test/ says', () => {
  assert.deepEqual([...needs('test/e2e/fresh-machine.test.ts')].sort(), [
    'debootstrap',
    'dpkg-deb',
    'git',
    'mount',
    'root',
    'systemd-nspawn',
    'x86_64-linux-gnu-strip',
  ])
  assert.deepEqual([...needs('test/unit/protocol/*.test.ts')], [])
})
