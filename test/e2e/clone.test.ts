import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { list } from 'tar'
import { packProgram } from '../../packaging/npm-packages.ts'
import { Newcomer } from '../support/clone.ts'
import { PACKAGE, TestRegistry } from '../support/registry.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

async function contents(file: string): Promise<string[]> {
  const paths: string[] = []
  await list({ file, onReadEntry: ({ path }) => void paths.push(path) })
  return paths.sort()
}

test('Debian’s npm packs a fresh clone like a release, and npx runs the published package', async (t) => {
  const newcomer = await Newcomer.open(t, '18.19.1', '9.2.0')
  const { clone, out } = { clone: newcomer.clone, out: newcomer.out.bind(newcomer) }
  await out('npm', ['pack', '--dry-run'])
  assert.ok(existsSync(join(clone, 'dist/index.js')), 'a dry run also builds the files to pack')
  await out('npm', ['pack'])
  const file = join(clone, `fomular-os-daemon-${version}.tgz`)
  const dir = tempDir(t)
  assert.deepEqual(await contents(file), await contents(join(dir, await packProgram(dir))))

  const registry = await TestRegistry.open(t)
  const at = ['--registry', registry.url, `--${registry.url.replace('http:', '')}/:_authToken=none`]
  await out('npm', ['publish', '--access', 'public', ...at])
  const help = await out('npx', ['--yes', ...at, PACKAGE, '--help'], { cwd: newcomer.home })
  assert.match(help, /^Usage: /m)
})

test('a clone explains what it needs when the registry does not answer', async (t) => {
  const newcomer = await Newcomer.open(t, '18.19.1', '9.2.0')
  writeFileSync(join(newcomer.home, '.npmrc'), 'registry=http://127.0.0.1:1/\nfetch-retries=0\n')
  const lock = join(newcomer.clone, '.installing')
  writeFileSync(lock, String(process.pid))
  const started = newcomer.start('npm', ['start'])
  let text = ''
  started.all.on('data', (data) => (text += data))
  await until(() => text.includes('Waiting for another npm ci'), {
    what: 'the message about waiting for another npm ci',
  })
  // Simulates a lock file that is left after a crash: no process has this pid.
  writeFileSync(lock, String(2 ** 30))
  const { exitCode, all } = await started
  assert.equal(exitCode, 1)
  assert.ok(!existsSync(lock))
  assert.match(all, /npm ci failed .*\nCheck the network, and the registry and proxy/)
})
