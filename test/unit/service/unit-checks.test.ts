import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Runs } from '../../../src/service/plan.ts'
import { pm2Problems, unitProblems } from '../../../src/service/unit-checks.ts'
import { tempDir } from '../../support/temp.ts'

/** The settings of a unit that `service install` writes, as systemd shows them. */
const good = {
  Type: 'notify',
  User: 'bob',
  NotifyAccess: 'all',
  ExecStart:
    '{ path=/usr/bin/node ; argv[]=/usr/bin/node /usr/local/bin/fomular-daemon run ; ignore_errors=no }',
  KillMode: 'process',
  Restart: 'always',
  RestartForceExitStatus: '75',
  SuccessExitStatus: '75',
  Environment: 'PATH=/usr/bin FOMULAR_DAEMON_NO_SELF_RELAUNCH=1',
  ProtectSystem: 'full',
  ProtectHome: 'no',
  PrivateTmp: 'no',
  OOMPolicy: 'continue',
  LimitCORE: '0',
  UMask: '0077',
  NeedDaemonReload: 'no',
}

const said = (
  change: Partial<typeof good> & Record<string, string>,
  runs: Runs = 'daemon',
  { speaksAsParent = true, agentUser }: { speaksAsParent?: boolean; agentUser?: string } = {},
) =>
  unitProblems('x', { ...good, ...change }, 'system', runs, { speaksAsParent, agentUser }).map(
    ({ level, remedy }) => `${level} ${remedy.split(' (')[0]}`,
  )

test('a setting of a unit that would end agents or prevent updates is reported with a remedy', () => {
  assert.deepEqual(said({}), [])
  for (const KillMode of ['control-group', 'mixed'])
    assert.deepEqual(said({ KillMode }), ['error Set KillMode=process'])
  assert.deepEqual(said({ Restart: 'no', RestartForceExitStatus: '' }), ['error Set Restart=always'])
  assert.deepEqual(said({ Restart: 'on-failure', RestartForceExitStatus: '' }), ['error Set Restart=always'])
  assert.deepEqual(said({ RestartPreventExitStatus: '2 75' }), ['error Set Restart=always'])
  // With these settings, systemd still restarts the service after exit code 75.
  assert.deepEqual(said({ Restart: 'no' }), [])
  assert.deepEqual(said({ Restart: 'on-failure', RestartForceExitStatus: '', SuccessExitStatus: '' }), [])
  assert.deepEqual(said({ Environment: 'FOMULAR_DAEMON_NO_SELF_RELAUNCH=10' }), [
    'warning Set Environment=FOMULAR_DAEMON_NO_SELF_RELAUNCH=1',
  ])
  assert.deepEqual(said({ NotifyAccess: 'main' }), ['error Set NotifyAccess=all'])
  assert.deepEqual(said({ Type: 'simple', NotifyAccess: 'none' }), [])
  for (const User of ['', 'root', '0']) {
    assert.deepEqual(said({ User, NotifyAccess: 'main' }), [])
    assert.deepEqual(said({ User }), [])
    assert.deepEqual(said({ User }, 'daemon', { agentUser: 'agents' }), ['warning Set NotifyAccess=main'])
    assert.deepEqual(said({ User, NotifyAccess: 'none' }), ['error Set NotifyAccess=all'])
    // Without this capability, systemd-notify cannot send messages as the daemon.
    const without = { User, CapabilityBoundingSet: 'cap_chown' }
    assert.deepEqual(said({ ...without, NotifyAccess: 'main' }), ['error Set NotifyAccess=all'])
    assert.deepEqual(said(without, 'daemon', { agentUser: 'agents' }), [])
    assert.deepEqual(said({ User, NotifyAccess: 'main' }, 'daemon', { speaksAsParent: false }), [
      'error Set NotifyAccess=all',
    ])
    assert.deepEqual(said({ User }, 'daemon', { speaksAsParent: false, agentUser: 'agents' }), [])
  }
  assert.deepEqual(said({ ProtectHome: 'read-only' }), ['error Set ProtectHome=no'])
  assert.deepEqual(said({ PrivateTmp: 'yes' }), ['warning Set PrivateTmp=no'])
  assert.deepEqual(said({ OOMPolicy: 'stop' }), ['warning Set OOMPolicy=continue'])
  const key = ['warning Set --key-file, with a file of mode 0600, instead of the key']
  const command = (flags: string) =>
    `{ path=/x/fomular-daemon ; argv[]=/x/fomular-daemon ${flags} ; ignore_errors=no }`
  assert.deepEqual(said({ ExecStart: command('--key secret') }), key)
  const fromVariable = { ExecStart: command(`--key \${MACHINE_KEY}`) }
  assert.deepEqual(said(fromVariable), [])
  assert.deepEqual(said({ ...fromVariable, Environment: `MACHINE_KEY=secret ${good.Environment}` }), key)
  assert.deepEqual(said({ Environment: `${good.Environment} FOMULAR_KEY=secret` }), key)
  assert.deepEqual(said({ ExecStart: command('--key-file /x/key') }), [])
  assert.deepEqual(said({ NeedDaemonReload: 'yes' }), ['warning systemctl daemon-reload'])
})

test('a unit that does not protect secrets is reported, but a stricter umask is accepted', () => {
  const umask =
    'warning Set UMask=0077 and, for files that agents write, Environment=FOMULAR_DAEMON_AGENT_UMASK=0022'
  const core = 'warning Set LimitCORE=0'
  assert.deepEqual(said({ LimitCORE: 'infinity', UMask: '0022' }), [core, umask])
  assert.deepEqual(said({ UMask: '0002' }), [umask])
  assert.deepEqual(said({ UMask: '0007' }), [])
  const [told] = unitProblems('fomular-hub', { ...good, LimitCORE: 'infinity' }, 'system', 'hub')
  assert.match(told!.remedy, /fomular-daemon service install hub$/)
})

test('a unit of a hub needs no settings for agents', () => {
  const hub = {
    KillMode: 'mixed',
    ProtectSystem: 'strict',
    ProtectHome: 'yes',
    PrivateTmp: 'yes',
    OOMPolicy: 'stop',
  }
  assert.deepEqual(said(hub, 'hub'), [])
  assert.deepEqual(said({ ...hub, NotifyAccess: 'main' }, 'hub'), ['error Set NotifyAccess=all'])
})

test('a unit whose program cannot write to its own folder is reported, because updates would fail', (t) => {
  const dir = join(tempDir(t), 'lib/@fomular-os/daemon')
  mkdirSync(join(dir, 'dist'), { recursive: true })
  writeFileSync(join(dir, 'dist/index.js'), '')
  const ExecStart = `{ path=/usr/bin/node ; argv[]=/usr/bin/node ${dir}/dist/index.js run ; }`
  assert.deepEqual(said({ ExecStart }), [])
  assert.deepEqual(said({ ExecStart, ProtectSystem: 'strict' }), [
    'warning Set ReadWritePaths= to include that folder',
  ])
  assert.deepEqual(said({ ExecStart, ProtectSystem: 'strict', ReadWritePaths: `/srv -${dir}` }), [])
})

test('a setting of a pm2 entry that would end agents or prevent updates is reported with a remedy', () => {
  const entry = {
    name: 'x',
    pm2_env: { status: 'online', treekill: false, autorestart: true, kill_timeout: 50_000 },
  }
  assert.deepEqual(pm2Problems(entry), [])
  const bad = { ...entry, pm2_env: { status: 'online', treekill: true, autorestart: false } }
  assert.deepEqual(
    pm2Problems(bad).map(({ level, remedy }) => `${level} ${remedy.split(' in its')[0]}`),
    ['error Set treekill: false', 'error Set autorestart: true', 'warning Set kill_timeout: 30000'],
  )
})
