// Needs: python3, systemd-analyze
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { plistText } from '../../../src/service/launchd.ts'
import type { ServicePlan } from '../../../src/service/plan.ts'
import { ecosystemText } from '../../../src/service/pm2.ts'
import { unitText } from '../../../src/service/unit.ts'
import { readInstalled } from '../../../src/service/unit-mark.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const plan: ServicePlan = {
  runs: 'daemon',
  name: 'fomular-daemon',
  runner: [process.execPath],
  program: '/opt/a b/fomular-daemon',
  args: ['run', '--server-url', 'wss://os.example.com/?a=100%&b="$c"\\'],
  account: { name: 'games', uid: 5, gid: 60, home: '/home/me', shell: '/bin/sh' },
  path: '/usr/bin:/opt/<x> & y/bin',
  ownKey: true,
  environment: { LANG: 'C.UTF-8' },
  stateDir: '/var/lib/fomular--daemon',
  usualStateDir: true,
  installation: '/usr/local/lib/node_modules/@fomular-os/daemon',
  stopSeconds: 50,
}

interface Analysis {
  stdout: string
  stderr: string
}

/** Runs systemd-analyze, which needs the Debian package systemd, but no running systemd. */
function analyze(t: Cleanup, args: string[]): Promise<Analysis> {
  const env = { PATH: process.env.PATH, XDG_RUNTIME_DIR: tempDir(t), HOME: tempDir(t) }
  return promisify(execFile)('systemd-analyze', args, { env }).catch((error) => {
    if (error.code === 'ENOENT') throw new Error('systemd-analyze is not installed: apt-get install systemd')
    return error
  })
}

function unitFile(t: Cleanup, text: string) {
  const path = join(tempDir(t), 'fomular-daemon.service')
  writeFileSync(path, text)
  return path
}

const root: ServicePlan = { ...plan, account: { ...plan.account, name: 'root', uid: 0, gid: 0 } }
const cases = [
  { what: 'of the machine', of: plan, scope: 'system', exposure: 4.8 },
  { what: 'of a user', of: plan, scope: 'user', exposure: 8.1 },
  { what: 'that runs as root', of: root, scope: 'system', exposure: 9.7 },
] as const

test('a variable or an argument cannot add a setting to a unit', () => {
  const text = 'x\nExecStartPre=/bin/false\r\n'
  const of = { ...plan, path: text, environment: { LANG: text }, args: ['run', '--server-url', text] }
  for (const scope of ['system', 'user'] as const)
    assert.doesNotMatch(unitText(of, { version: 252, scope }), /^ExecStartPre/m)
})

for (const { what, of, scope, exposure } of cases)
  test(`a unit ${what} has only settings that systemd knows, and stays within its exposure limit`, async (t) => {
    const path = unitFile(t, unitText(of, { version: 252, scope }))
    // systemd-analyze exits with 0 even if there are warnings.
    const verified = await analyze(t, ['verify', ...(scope === 'user' ? ['--user'] : []), path])
    assert.deepEqual([verified.stdout, verified.stderr], ['', ''])
    const { stdout } = await analyze(t, ['security', '--offline=true', '--no-pager', path])
    const [, score] = /exposure level for \S+: (\d+\.\d+)/.exec(stdout) ?? []
    assert.ok(Number(score) <= exposure, `${score} is above ${exposure}`)
  })

test('if agents of a service of root have another user, only the daemon can send messages to systemd, if the machine permits that', () => {
  const of = (each: ServicePlan, speaksAsParent: boolean) =>
    /^NotifyAccess=(.*)$/m.exec(unitText(each, { version: 252, scope: 'system', speaksAsParent }))?.[1]
  const policed = { ...root, agentUser: 'agents' }
  assert.deepEqual([of(policed, true), of(policed, false)], ['main', 'all'])
  // An administrator may set another user for this service by hand.
  assert.deepEqual([of(root, true), of(plan, true)], ['all', 'all'])
})

test('a unit has the settings that the installed systemd supports', () => {
  const of = (version: number | undefined, scope: 'system' | 'user' = 'system') =>
    unitText(plan, { version, scope })
  assert.match(of(254), /^RestartSteps=\d+$/m)
  assert.doesNotMatch(of(252), /RestartSteps/)
  assert.match(of(undefined), /^LoadCredential=key:\/etc\/fomular-daemon\/key$/m)
  for (const text of [of(245), of(252, 'user')])
    assert.match(text, /^Environment=FOMULAR_KEY_FILE=\S+\/key$/m)
  // If the configuration file has the key, the service does not need a key.
  for (const version of [245, 252])
    assert.doesNotMatch(
      unitText({ ...plan, ownKey: false }, { version, scope: 'system' }),
      /FOMULAR_KEY|LoadCred/,
    )
})

test('every service file records the state folder, the user, and the program', (t) => {
  for (const text of [
    unitText(plan, { version: 252, scope: 'system' }),
    ecosystemText(plan),
    plistText(plan),
  ]) {
    const installed = readInstalled(unitFile(t, text))
    assert.deepEqual(installed?.mark, {
      format: 1,
      state_dir: plan.stateDir,
      user: 'games',
      program: plan.program,
    })
  }
  assert.equal(readInstalled(unitFile(t, '[Unit]\n'))?.mark, undefined)
  assert.equal(readInstalled('/nowhere'), undefined)
})

test('the ecosystem file is valid for pm2, and keeps agents alive', (t) => {
  const path = join(tempDir(t), 'ecosystem.config.js')
  writeFileSync(path, ecosystemText(plan))
  const { apps } = createRequire(import.meta.url)(path)
  assert.deepEqual(apps, [
    {
      name: 'fomular-daemon',
      // If the path of a script contains a space, pm2 runs the script through the shell.
      script: '/usr/bin/env',
      args: [...plan.runner, plan.program, ...plan.args],
      interpreter: 'none',
      exec_mode: 'fork',
      cwd: '/home/me',
      autorestart: true,
      treekill: false,
      kill_timeout: 50_000,
      exp_backoff_restart_delay: 100,
      max_restarts: Number.MAX_SAFE_INTEGER,
      stop_exit_codes: [2],
      env: {
        LANG: 'C.UTF-8',
        PATH: plan.path,
        FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1',
        FOMULAR_KEY_FILE: '/home/me/.config/fomular-daemon/key',
      },
      pmx: false,
      vizion: false,
      filter_env: ['FOMULAR_KEY', 'FOMULAR_HUB_KEY'],
      merge_logs: true,
    },
  ])
  assert.match(
    ecosystemText({ ...plan, runner: [], program: '/opt/fomular-daemon' }),
    /"interpreter": "none"/,
  )
  const plain = ecosystemText({ ...plan, program: '/opt/fomular-daemon' })
  assert.match(plain, /"script": "\/opt\/fomular-daemon"/)
  assert.ok(plain.includes(`"interpreter": "${process.execPath}"`))
})

test('the property list is valid, and has only settings that launchd knows', (t) => {
  const path = join(tempDir(t), 'job.plist')
  writeFileSync(path, plistText(plan))
  const read = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))'
  const job = JSON.parse(execFileSync('python3', ['-c', read, path], { encoding: 'utf8' }))
  // The schema from launchd.plist(5).
  const types = {
    Label: 'string',
    ProgramArguments: 'object',
    WorkingDirectory: 'string',
    EnvironmentVariables: 'object',
    Umask: 'number',
    SoftResourceLimits: 'object',
    HardResourceLimits: 'object',
    RunAtLoad: 'boolean',
    KeepAlive: 'boolean',
    ThrottleInterval: 'number',
    ExitTimeOut: 'number',
    AbandonProcessGroup: 'boolean',
    StandardErrorPath: 'string',
  }
  assert.deepEqual(
    Object.fromEntries(Object.entries(job).map(([name, value]) => [name, typeof value])),
    types,
  )
  assert.deepEqual(job.ProgramArguments, [...plan.runner, plan.program, ...plan.args])
  assert.equal(job.EnvironmentVariables.PATH, plan.path)
  assert.deepEqual([job.KeepAlive, job.AbandonProcessGroup, job.ExitTimeOut], [true, true, 50])
})
