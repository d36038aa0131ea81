// Needs: /usr/lib/*/libatomic.so.1
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Newcomer } from '../support/clone.ts'
import { freePort } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const START_MS = 10 * 60_000

/**
 * Versions of Node, each with a version of npm. The contents of node_modules/.bin differ between the first
 * versions of npm 9, 10, 11, and 12.
 */
const NODES = [
  ['18.19.0', '10.2.3'],
  ['18.20.4', '9.2.0'],
  ['20.19.2', '10.9.9'],
  ['20.20.0', '10.8.2'],
  ['22.23.2', '10.9.9'],
  ['24.21.0', '11.21.2'],
  ['26.9.0', '12.2.0'],
] as const

for (const [node, npm] of NODES)
  test(`npm start works in a clone with Node ${node} and npm ${npm}`, async (t) => {
    const newcomer = await Newcomer.open(t, node, npm)
    const started = newcomer.start('npm', ['start'], { env: { FOMULAR_HUB_PORT: String(await freePort()) } })
    let text = ''
    started.all.setEncoding('utf8').on('data', (data) => (text += data))
    const connected = () => /^Machine +\S+ connected /m.test(text)
    await until(() => connected() || started.exitCode !== null, { timeoutMs: START_MS, what: 'npm start' })
    assert.ok(connected(), text)
    // Like a terminal, send the signal to npm and every process that npm has started.
    process.kill(-started.pid!, 'SIGINT')
    assert.equal((await started).exitCode, 0, text)
    assert.equal((await newcomer.out('node', ['dist/index.js', '--version'])).trim(), '0.1.0')
  })

for (const [node, npm, flags] of [
  ['18.20.4', '9.2.0', []],
  ['20.20.0', '10.8.2', []],
  ['24.21.0', '11.21.2', []],
  ['26.9.0', '12.2.0', ['--allow-git=all']],
] as const)
  test(`npm ${npm} installs, links, and packs a clone, and installs from the clone’s git repository`, async (t) => {
    const newcomer = await Newcomer.open(t, node, npm)
    const command = join(newcomer.prefix, 'bin/fomular-daemon')
    const runs = async () => assert.equal((await newcomer.out(command, ['--version'])).trim(), '0.1.0')
    const gone = async () => {
      await newcomer.out('npm', ['uninstall', '--global', '@fomular-os/daemon'])
      assert.ok(!existsSync(command))
    }
    // npm 12 and newer run no scripts of a folder that they install.
    if (npm.startsWith('12.')) await newcomer.out('npm', ['run', 'build'])
    await newcomer.out('npm', ['install', '--global', '.'])
    await runs()
    await gone()
    await newcomer.out('npm', ['link'])
    await runs()
    await gone()
    await newcomer.out('npm', ['pack'])
    await newcomer.out('npm', ['install', '--global', './fomular-os-daemon-0.1.0.tgz'])
    await runs()
    await gone()
    await newcomer.out('git', [
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@b',
      'commit',
      '--allow-empty',
      '-qam',
      'all',
    ])
    const repository = `git+file://${newcomer.clone.replaceAll(' ', '%20')}`
    if (npm.startsWith('12.')) await newcomer.out('npm', ['install', '--global', repository, ...flags])
    else {
      const refused = await newcomer.start('npm', ['install', '--global', repository])
      assert.notEqual(refused.exitCode, 0)
      assert.match(refused.all, /Pack it first: `npm pack git\+URL`/)
      assert.ok(!existsSync(command))
      await newcomer.out('npm', ['pack', repository], { cwd: newcomer.home })
      await newcomer.out('npm', ['install', '--global', join(newcomer.home, 'fomular-os-daemon-0.1.0.tgz')])
    }
    await runs()
    await gone()
  })
