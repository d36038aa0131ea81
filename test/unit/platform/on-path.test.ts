import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { findClaude } from '../../../src/agents/runtimes/claude/find.ts'
import { programsOnPath } from '../../../src/platform/on-path.ts'
import { findNpm } from '../../../src/update/fetch/npm.ts'
import { tempDir } from '../../support/temp.ts'

/** Makes folders for PATH. Only the last two folders have a program that can be run. */
function folders(t: TestContext, name: string) {
  const dir = tempDir(t)
  for (const folder of ['folder', 'data', 'dead', 'linked', 'first', 'second']) mkdirSync(join(dir, folder))
  mkdirSync(join(dir, 'folder', name))
  writeFileSync(join(dir, 'data', name), '', { mode: 0o644 })
  symlinkSync(join(dir, 'nowhere'), join(dir, 'dead', name))
  for (const program of ['first', 'second']) writeFileSync(join(dir, program, name), '', { mode: 0o755 })
  symlinkSync(join(dir, 'folder'), join(dir, 'linked', name))
  const PATH = ['none', 'folder', 'data', 'dead', 'linked', 'first', 'second'].map((each) => join(dir, each))
  return { dir, PATH: PATH.join(':'), HOME: dir }
}

describe('a search on PATH', () => {
  test('a search on PATH finds executable files in order, but no folder of the same name', (t) => {
    const { dir, PATH } = folders(t, 'tool')
    assert.deepEqual(programsOnPath('tool', { PATH }), [join(dir, 'first/tool'), join(dir, 'second/tool')])
    assert.deepEqual(programsOnPath('tool', {}), [])
  })

  test('a search on PATH uses a relative folder only if the caller passes the current folder', (t) => {
    const { dir } = folders(t, 'tool')
    const env = { PATH: 'folder:first:' }
    assert.deepEqual(programsOnPath('tool', env), [])
    assert.deepEqual(programsOnPath('tool', env, dir), [join(dir, 'first/tool')])
    assert.deepEqual(programsOnPath('tool', env, join(dir, 'second')), [join(dir, 'second/tool')])
  })

  test('a search for npm or Claude Code on PATH skips folders with these names', (t) => {
    const npm = folders(t, 'npm')
    assert.equal(findNpm(npm)?.file, join(npm.dir, 'first/npm'))
    const claude = folders(t, 'claude')
    assert.deepEqual(findClaude(claude).slice(0, 2), [
      join(claude.dir, 'first/claude'),
      join(claude.dir, 'second/claude'),
    ])
  })
})
