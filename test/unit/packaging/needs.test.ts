import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { debianPackages, isDebian } from '../../suite/debian-packages.ts'
import { leftOutText, remedy } from '../../suite/left-out.ts'
import { needsOf } from '../../suite/needs.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const needs = (pattern: string) =>
  new Set(globSync(pattern, { cwd: root }).flatMap((file) => [...needsOf(root + file)]))

test('the list of Debian packages covers exactly the programs that tests need', () => {
  const programs = needs('test/**/*.ts')
  programs.delete('root')
  assert.deepEqual([...programs].sort(), [...debianPackages.keys()].sort())
})

test('the needs of a test file include the needs of the files that it imports from test/', () => {
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

test('skipped test files are grouped by their missing needs, with a remedy', () => {
  const leftOut = [
    { file: 'test/e2e/a.test.ts', lacking: ['tmux', 'root'] },
    { file: 'test/e2e/b.test.ts', lacking: ['tmux'] },
    { file: 'test/e2e/c.test.ts', lacking: ['root'] },
  ]
  const text = leftOutText(leftOut, 9, false)
  assert.match(text, /Left out 3 of 9 test files:/)
  assert.match(text, /Missing root:\n {4}test\/e2e\/a\.test\.ts\n {4}test\/e2e\/c\.test\.ts\n/)
  assert.match(text, /Missing tmux:\n {4}test\/e2e\/b\.test\.ts\n/)
  assert.match(text, /To include them, run the suite as root\.$/)
  assert.match(leftOutText(leftOut, 9, true), /Missing the right to mount[\s\S]*privileged container\.$/)
})

test('the remedy for missing programs on Debian is a command with package names', () => {
  const programs = ['ksh93', 'systemd-nspawn', 'ksh93']
  if (isDebian()) assert.match(remedy(programs), / apt-get install .* ksh systemd-container$/m)
  else assert.match(remedy(programs), /not installed: ksh93, /)
})
