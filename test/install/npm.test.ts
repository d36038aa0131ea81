// Needs: /usr/lib/*/libatomic.so.1
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { packProgram } from '../../packaging/npm-packages.ts'
import { nodeOf } from '../support/nodes.ts'
import { PACKAGE, TestRegistry } from '../support/registry.ts'
import { freePort } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { testTool } from '../support/tool.ts'
import { until } from '../support/wait.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** Versions of Node, each with the version of npm that its users usually have. */
const NODES = [
  ['18.19.1', '10.9.9'],
  ['20.8.0', '10.9.9'],
  ['22.23.2', '11.21.2'],
  ['24.21.0', '11.21.2'],
  // npm 12 is the first version that runs no install scripts by default.
  ['26.9.0', '12.2.0'],
] as const

/** Starts a registry with the same package that users get. npm publishes the package. */
async function published(t: Cleanup): Promise<TestRegistry> {
  const registry = await TestRegistry.open(t)
  const dir = tempDir(t)
  const file = join(dir, await packProgram(dir))
  const npm = join(await testTool('npm', '11.21.2'), 'npm/bin/npm-cli.js')
  const token = `--${registry.url.replace('http:', '')}/:_authToken=none`
  await execa(process.execPath, [npm, 'publish', file, '--registry', registry.url, token], {
    env: { PATH: process.env.PATH, HOME: dir },
    extendEnv: false,
  })
  return registry
}

for (const [node, npmVersion] of NODES)
  test(`npm ${npmVersion} installs globally on Node ${node}, for all users and for one user`, async (t) => {
    const registry = await published(t)
    const npm = join(await testTool('npm', npmVersion), 'npm/bin/npm-cli.js')
    const program = await nodeOf(node)
    for (const how of ['global', 'user prefix']) {
      const dir = tempDir(t)
      const [home, bin, prefix] = [join(dir, 'home'), join(dir, 'bin'), join(dir, 'prefix')]
      for (const path of [home, bin]) mkdirSync(path)
      symlinkSync(program, join(bin, 'node'))
      const env: Record<string, string> = {
        PATH: `${bin}:/usr/bin:/bin`,
        HOME: home,
        npm_config_registry: registry.url,
        FOMULAR_HUB_PORT: String(await freePort()),
        ...(how === 'global' && { npm_config_prefix: prefix }),
      }
      if (how === 'user prefix') writeFileSync(join(home, '.npmrc'), `prefix=${prefix}\n`)
      const run = (file: string, args: string[]) => execa(file, args, { env, extendEnv: false, cwd: home })
      await run(program, [npm, 'install', '-g', PACKAGE])
      const installed = join(prefix, 'lib/node_modules', PACKAGE)
      assert.ok(!existsSync(join(installed, 'node_modules')), 'the package has no dependencies')
      assert.deepEqual(readdirSync(join(prefix, 'lib/node_modules')), ['@fomular-os'])
      const daemon = join(prefix, 'bin/fomular-daemon')
      assert.equal((await run(daemon, ['--version'])).stdout, version)

      const up = execa(daemon, ['up'], { env, extendEnv: false, cwd: home, reject: false })
      const machines = async () => {
        // Name the hub, because other hubs may run on this machine.
        const { stdout } = await run(daemon, [
          'machine',
          'list',
          '--json',
          '--state-dir',
          `${home}/.fomular/state`,
        ])
        return JSON.parse(stdout).machines as { connected: boolean; daemon_version: string }[]
      }
      const found = await until(
        async () => (await machines().catch(() => [])).find(({ connected }) => connected),
        {
          timeoutMs: 60_000,
          what: 'the machine at its hub',
        },
      )
      assert.equal(found.daemon_version, version)
      up.kill('SIGINT')
      assert.equal((await up).exitCode, 0)
      await run(program, [npm, 'uninstall', '-g', PACKAGE])
      assert.ok(!existsSync(daemon))
    }
  })
