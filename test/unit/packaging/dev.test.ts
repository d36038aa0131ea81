import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempDir } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

const packaging = fileURLToPath(new URL('../../../packaging', import.meta.url))
const LOCK = JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } })

/** A stand-in for npm that downloads forever, into the folder in its arguments. */
const NPM = `#!/bin/sh
for arg; do [ -d "$arg" ] && echo part > "$arg/part"; done
echo $$ > npm.pid
exec sleep 600
`

/** A checkout with the scripts that prepare it, and an npm that never ends. */
function checkout(t: TestContext, { installed = false, lock = LOCK, env = {} } = {}) {
  const dir = tempDir(t)
  for (const path of globSync('*.{mjs,json}', { cwd: packaging }))
    cpSync(join(packaging, path), join(dir, 'packaging', path))
  cpSync(join(packaging, '../.nvmrc'), join(dir, '.nvmrc'))
  writeFileSync(join(dir, 'package-lock.json'), lock)
  mkdirSync(join(dir, 'node_modules'))
  if (installed) writeFileSync(join(dir, 'node_modules/.package-lock.json'), LOCK)
  mkdirSync(join(dir, 'bin'))
  writeFileSync(join(dir, 'bin/npm'), NPM, { mode: 0o755 })
  const child = spawn(process.execPath, [join(dir, 'packaging/dev.mjs'), 'x.mjs'], {
    env: { PATH: `${dir}/bin:/usr/bin:/bin`, ...env },
    detached: true,
  })
  const group = -child.pid!
  t.after(() => {
    try {
      process.kill(group, 'SIGKILL')
    } catch {
      // All have ended.
    }
  })
  const left = () => [
    ...globSync('node_modules/.cache/*/.fetch-*', { cwd: dir }),
    ...globSync('.installing', { cwd: dir }),
  ]
  return { dir, child, group, left }
}

const alive = (pid: number) => existsSync(`/proc/${pid}`)

for (const [what, installed] of [
  ['npm ci', false],
  ['the download of Node', true],
] as const)
  test(`a signal during ${what} leaves no unfinished files and no npm process`, async (t) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const { dir, child, group, left } = checkout(t, { installed })
      const started = () =>
        globSync('npm.pid', { cwd: dir }).map((file) => readFileSync(join(dir, file), 'utf8'))
      const npm = Number(await until(() => started()[0]?.trim(), { what: 'npm' }))
      assert.equal(left().length, 1)
      // A terminal sends Ctrl-C to all processes, but a supervisor signals only one process.
      process.kill(signal === 'SIGINT' ? group : child.pid!, signal)
      assert.deepEqual(await once(child, 'exit'), [null, signal])
      assert.deepEqual(left(), [])
      await until(() => !alive(npm), { what: 'the end of npm' })
    }
  })

test('if a signal reaches only npm, the whole script ends, and prints no advice about the registry', async (t) => {
  for (const installed of [false, true]) {
    const { dir, child, left } = checkout(t, { installed })
    const pid = () => globSync('npm.pid', { cwd: dir }).map((file) => readFileSync(join(dir, file), 'utf8'))
    process.kill(Number(await until(() => pid()[0]?.trim(), { what: 'npm' })), 'SIGINT')
    const [said, ended] = await Promise.all([text(child.stderr), once(child, 'exit')])
    assert.deepEqual(ended, [null, 'SIGINT'])
    assert.doesNotMatch(said, /registry/)
    assert.deepEqual(left(), [])
  }
})

test('if npm is older than 12, a global install from Git is refused before any download', async (t) => {
  // npm sets these variables for the scripts of its temporary clone.
  const env = { _PACOTE_NO_PREPARE_: 'git+file:///a', npm_config_global: 'true' }
  const { dir, child } = checkout(t, { env })
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  assert.equal(code, 1)
  assert.match(said, /Pack it first: `npm pack git\+URL`/)
  assert.deepEqual(globSync('npm.pid', { cwd: dir }), [])
})

test('a damaged package-lock.json is reported with its remedy', async (t) => {
  for (const lock of ['<<<<<<< HEAD\n', '{}', '']) {
    const { child } = checkout(t, { lock })
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    assert.equal(code, 1)
    assert.equal(
      said,
      '\npackage-lock.json is missing or damaged.\nRestore it with `git checkout package-lock.json`.\n',
    )
  }
})
