import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { HubMachine } from '../../src/protocol/index.ts'
import { handwrittenUnit } from '../support/handwritten-unit.ts'
import { FAULT, PACKAGE, TestRegistry } from '../support/registry.ts'
import { MACHINE_KEY, SERVER, type ServiceMachine, serviceMachine } from '../support/service-machine.ts'
import { testTool } from '../support/tool.ts'
import { until } from '../support/wait.ts'

const REGISTRY = 'http://127.0.0.1:4873'
const HUB = ['--hub', 'http://127.0.0.1:3001', '--hub-key-file', '/var/lib/hub/user.key']

const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.2.0', before: FAULT.crash, tag: 'faulty' })
await registry.release({ version: '1.3.0', before: FAULT.hang, tag: 'frozen' })
await registry.release({ version: '1.1.0' })

/** Starts a machine on which version 1.0.0 is installed from the registry of this test. */
async function installed(t: TestContext): Promise<ServiceMachine> {
  const npm = dirname(
    dirname(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())),
  )
  const on = await serviceMachine(t, {
    binds: {
      '/usr/local/lib/node_modules/npm': npm,
      '/opt/registry/node_modules': await testTool('verdaccio', '6.10.4'),
    },
  })
  const { machine, at, write } = on
  cpSync(registry.storage, at('/var/lib/registry'), { recursive: true })
  write(
    '/etc/registry.yaml',
    "storage: /var/lib/registry\npackages: { '**': { access: $all } }\nlog: { type: stdout, level: warn }\n",
  )
  const serve = [
    '/usr/local/bin/node',
    '/opt/registry/node_modules/verdaccio/bin/verdaccio',
    '--config',
    '/etc/registry.yaml',
  ]
  await machine.out([
    'systemd-run',
    '--quiet',
    '--unit=registry',
    '--setenv=HOME=/root',
    ...serve,
    '--listen',
    REGISTRY,
  ])
  await machine.out(['ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm'])
  await machine.out(['rm', '-r', '/usr/local/bin/fomular-daemon', '/usr/local/lib/node_modules/@fomular-os'])
  const install = [
    'npm',
    'install',
    '--global',
    '--fetch-retries=0',
    `--registry=${REGISTRY}`,
    '--prefix=/usr/local',
    `${PACKAGE}@1.0.0`,
  ]
  let last = ''
  const done = async () => {
    const { code, stderr } = await machine.run(install)
    last = stderr
    return code === 0
  }
  await until(done, { what: 'version 1.0.0' }).catch(async () => {
    throw new Error(last + (await machine.out(['journalctl', '-u', 'registry', '--no-pager'])))
  })
  return on
}

async function serves(on: ServiceMachine, version: string) {
  await until(
    async () => {
      const { stdout } = await on.daemon(['machine', 'list', '--json', ...HUB])
      const [found] = (JSON.parse(stdout) as { machines: HubMachine[] }).machines
      return found?.connected && found.daemon_version === version
    },
    { what: `a daemon of version ${version}`, timeoutMs: 60_000 },
  )
}

const cases = [
  { who: "root in npm's prefix", user: 'root', mode: 'global' },
  { who: "a user who cannot write to npm's prefix", user: 'bob', mode: 'user-prefix' },
]

for (const { who, user, mode } of cases)
  test(`under systemd, an update by ${who} keeps agents alive, and a broken version is rolled back`, async (t) => {
    const on = await installed(t)
    const { daemon } = on
    const env = { FOMULAR_UPDATE_REGISTRY: REGISTRY, FOMULAR_UPDATE_CONFIRM_S: '10' }
    const args = ['service', 'install', '--user', user, ...SERVER, '--key-file', MACHINE_KEY]
    const service = await daemon(args, { env })
    assert.equal(service.code, 0, service.stderr)
    await serves(on, '1.0.0')
    const agent = await on.startAgent()
    const { pid } = await on.agentIs(agent, 'idle')
    const update = async (version: string) => {
      const { stdout, stderr } = await daemon(['machine', 'update', '--to', version, '--json', ...HUB])
      t.diagnostic(stdout + stderr)
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}')
    }

    const outcome = await update('1.1.0')
    assert.deepEqual(
      [outcome.result?.mode, outcome.result?.restart_strategy],
      [mode, 'supervisor_required'],
      JSON.stringify(outcome),
    )
    await serves(on, '1.1.0')
    assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
    assert.match((await on.renewed()).says, /^Connected/)

    for (const faulty of ['1.2.0', '1.3.0']) {
      const failed = await update(faulty)
      assert.ok(failed.error, JSON.stringify(failed))
      await serves(on, '1.1.0')
      assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
      assert.equal((await on.renewed()).state, 'active (running)')
    }
  })

test('updates and rollbacks under a unit that ends agents lose no agent and send no prompt twice', async (t) => {
  const on = await installed(t)
  const key = readFileSync(on.at(MACHINE_KEY), 'utf8').trim()
  // Prevent the use of scopes: root's daemon could create them, but this test is about a unit without scopes.
  await on.machine.out(['chmod', '-x', '/usr/bin/systemd-run'])
  const unit = await handwrittenUnit(on, {
    user: 'root',
    text: `[Service]
ExecStart=/usr/local/bin/fomular-daemon --server-url ws://127.0.0.1:3001 --key ${key}
Environment=HOME=/root
Environment=FOMULAR_DAEMON_NO_SELF_RELAUNCH=1
Environment=FOMULAR_UPDATE_REGISTRY=${REGISTRY}
Environment=FOMULAR_UPDATE_CONFIRM_S=10
Restart=always
RestartSec=2
`,
  })
  const agent = await unit.agent()
  const { session_id } = await on.agent(agent)
  let { run } = await on.agent(agent)
  for (const [version, then] of [
    ['1.1.0', '1.1.0'],
    ['1.2.0', '1.1.0'],
    ['1.3.0', '1.1.0'],
  ] as const) {
    await on.daemon(['machine', 'update', '--to', version, ...HUB])
    await serves(on, then)
    const back = await until(
      async () => {
        const found = await on.agent(agent)
        return found.run > run && found.state === 'idle' && found
      },
      { what: `the agent after ${version}`, timeoutMs: 60_000 },
    )
    run = back.run
    assert.equal(back.session_id, session_id)
    await unit.prompt(agent, `after ${version}`)
    await unit.says(agent, `after ${version}`)
  }
  assert.deepEqual(await unit.prompts(agent), ['hello', 'after 1.1.0', 'after 1.2.0', 'after 1.3.0'])
})
