// Needs: root, buildah, runc, nsenter
import assert from 'node:assert/strict'
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { dockerStop, firstIn } from '../support/container.ts'
import { Images, LIMITS } from '../support/image.ts'
import { pageSample } from '../support/page-sample.ts'
import { PROGRAM, Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Id of the user that the Dockerfile in the documentation creates. */
const USER = 10_001

interface Config {
  Cmd: string[]
  User: string
  Volumes: Record<string, object>
  Healthcheck: { Test: string[] }
}

test('the documented Dockerfile builds a healthy image that keeps agents over a restart and stops in time', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const dockerfile = pageSample('src/service/containers.md', '# In a container', 0, {})
  const images = new Images(t)
  const packed = await packages(stage.dir)
  await images.debian('localhost/base', packed)
  await images.build('localhost/daemon', dockerfile, {
    BASE: 'localhost/base',
    PACKAGES: Object.keys(packed).join(' '),
  })
  const { config } = JSON.parse(await images.buildah('inspect', '--type', 'image', 'localhost/daemon'))
    .Docker as {
    config: Config
  }
  assert.deepEqual([config.User, Object.keys(config.Volumes)], ['agent', ['/home/agent']])

  const volume = join(stage.dir, 'volume')
  const secret = join(stage.dir, 'secret')
  mkdirSync(volume)
  copyFileSync(join(stage.state, 'hub/machine.key'), secret)
  for (const path of [volume, secret]) chownSync(path, USER, USER)
  const container = await images.buildah('from', ...LIMITS, 'localhost/daemon')
  const env = { FOMULAR_SERVER_URL: `ws://127.0.0.1:${stage.port}`, TEST_STAGE: stage.dir }
  const [buildah, ...args] = images.command(
    'run',
    ...['--isolation', 'oci', '--runtime', 'runc', '--network', 'host'],
    ...['--volume', `${volume}:/home/agent`, '--volume', `${secret}:/run/secrets/fomular_key:ro`],
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    container,
    '--',
    ...config.Cmd,
  )
  const running = stage.run(args, {}, [buildah])
  await until(async () => (await stage.machine())?.connected, { what: 'the daemon at the hub' }).catch(
    (error) => {
      throw new Error(`${error.message}\n${running.log()}`)
    },
  )
  assert.doesNotMatch(running.log(), / (warn|error) /)
  const init = await until(() => firstIn(stage.processes()), { what: 'process 1' })
  const inside = (...command: string[]) =>
    execa(
      'nsenter',
      [`--target=${init}`, '--all', '--root', `--setuid=${USER}`, `--setgid=${USER}`, ...command],
      {
        env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env },
        extendEnv: false,
        reject: false,
      },
    )

  const [kind, ...check] = config.Healthcheck.Test
  assert.equal(kind, 'CMD')
  const healthy = await inside(...check)
  assert.equal(healthy.exitCode, 0, healthy.stdout + healthy.stderr)
  const doctor = JSON.parse((await inside('fomular-daemon', 'doctor', '--json')).stdout)
  assert.deepEqual(
    doctor.findings.filter(
      ({ check, level }: { check: string; level: string }) => check === 'container' || level === 'error',
    ),
    [{ check: 'container', level: 'ok', message: 'The container survives restarts of the daemon' }],
  )

  const agent = await stage.start({ cwd: '/home/agent' })
  const { pid } = await stage.agentIs(agent, 'idle')
  await stage.renew()
  assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
  assert.equal(await dockerStop(running, init), 0, running.log())
  assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
})

/** Packs this program and a stand-in for Claude Code as npm does. @returns the files of both, by path */
async function packages(dir: string): Promise<Record<string, string>> {
  const pack = async (folder: string) => {
    const { stdout } = await execa(
      'npm',
      ['pack', '--silent', '--ignore-scripts', '--pack-destination', dir],
      {
        cwd: folder,
      },
    )
    return join(dir, stdout.trim())
  }
  const claude = join(dir, 'claude-code')
  mkdirSync(claude)
  const program = fileURLToPath(new URL('../support/fake-agent-program.ts', import.meta.url))
  // Node does not strip types inside node_modules.
  const { buildSync } = await import('esbuild')
  const outfile = join(claude, 'claude.mjs')
  buildSync({ entryPoints: [program], outfile, bundle: true, platform: 'node', format: 'esm' })
  writeFileSync(outfile, `#!/usr/bin/env node\n${readFileSync(outfile, 'utf8')}`)
  chmodSync(outfile, 0o755)
  writeFileSync(
    join(claude, 'package.json'),
    JSON.stringify({ name: '@anthropic-ai/claude-code', version: '2.1.330', bin: { claude: 'claude.mjs' } }),
  )
  return {
    '/packages/daemon.tgz': await pack(dirname(dirname(PROGRAM))),
    '/packages/claude-code.tgz': await pack(claude),
  }
}
