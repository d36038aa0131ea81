// Needs: ps, root, unshare
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import { AS_CONTAINER, dockerStop, initOf } from '../support/container.ts'
import { Installation } from '../support/installation.ts'
import { journalEvents, merged } from '../support/journal.ts'
import { TestRegistry } from '../support/registry.ts'
import { tempDir } from '../support/temp.ts'
import { testTool } from '../support/tool.ts'
import { until } from '../support/wait.ts'

const registry = await TestRegistry.shared()
await registry.release({ version: '1.0.0' })
await registry.release({ version: '1.2.0', tag: 'next' })
await registry.release({ version: '1.1.0' })

/**
 * Starts an agent that writes all the time. Returns a function that, at the end of the test, checks that the
 * agent still runs, and that every event arrived.
 */
async function streaming(t: TestContext, { stage }: Installation) {
  const agent = await stage.start({ prompt: 'emit 1500 100 2' })
  const { pid } = await stage.agent(agent)
  await stage.eventually(agent, 'text')
  let gap = 0
  let last = { offset: 0, at: performance.now() }
  const watch = setInterval(async () => {
    const now = await stage.agent(agent).catch(() => undefined)
    if (!now || now.offset === last.offset) return
    gap = Math.max(gap, performance.now() - last.at)
    last = { offset: now.offset, at: performance.now() }
  }, 10)
  t.after(() => clearInterval(watch))
  return async () => {
    await stage.eventually(agent, 'turn_result')
    clearInterval(watch)
    t.diagnostic(`longest time without new events of the agent: ${Math.round(gap)} ms`)
    const now = await stage.agent(agent)
    assert.deepEqual([now.pid, now.run], [pid, 1])
    const written = merged(journalEvents(stage.state, agent))
    assert.equal(written.filter(({ kind }) => kind === 'text').length, 1500)
    assert.deepEqual(merged(await stage.events(agent)), written)
  }
}

test('an update of a global installation without a supervisor interrupts neither the agent nor its stream, and the command then runs the new version', async (t) => {
  const machine = await Installation.open(t, registry)
  const first = await machine.start()
  const whole = await streaming(t, machine)
  const outcome = await machine.order('latest')
  assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
  const { duration_ms, ...result } = outcome.result ?? {}
  assert.deepEqual(result, {
    mode: 'global',
    restart_strategy: 'self',
    from_version: '1.0.0',
    to_version: '1.1.0',
    path: machine.command,
  })
  assert.ok(Number(duration_ms) > 0)
  assert.equal(await first.ended, 0)
  await machine.runs('1.1.0')
  assert.equal(await machine.version(), '1.1.0')
  assert.equal(JSON.parse(readFileSync(join(machine.packageDir, 'package.json'), 'utf8')).version, '1.1.0')
  assert.deepEqual(machine.daemons(), [machine.daemon?.pid])
  await whole()
})

test('the first update of an unprivileged daemon installs into a prefix in the home folder, and so do later updates', async (t) => {
  const machine = await Installation.open(t, registry, { withoutRights: true })
  await machine.start()
  const whole = await streaming(t, machine)
  const outcome = await machine.order('1.1.0')
  assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
  assert.equal(outcome.result?.mode, 'user-prefix')
  assert.equal(outcome.result?.path, machine.userCommand)
  await machine.runs('1.1.0')
  assert.equal(await machine.version(), '1.0.0')
  assert.equal(await machine.version(machine.userCommand), '1.1.0')
  const again = await machine.order('next')
  assert.equal(again.state, 'succeeded', JSON.stringify(again))
  assert.equal(again.result?.mode, 'user-prefix')
  await machine.runs('1.2.0')
  assert.equal(await machine.version(machine.userCommand), '1.2.0')
  await whole()
})

test('a daemon that is process 1 of a container updates while the container and its agent continue', async (t) => {
  const machine = await Installation.open(t, registry)
  machine.stage.daemonCommand.unshift(...AS_CONTAINER)
  const container = await machine.start()
  const init = await initOf(container)
  const whole = await streaming(t, machine)
  const outcome = await machine.order('latest')
  assert.equal(outcome.result?.restart_strategy, 'supervisor_required', JSON.stringify(outcome))
  await machine.runs('1.1.0')
  assert.equal(await machine.version(), '1.1.0')
  await whole()
  assert.equal(await initOf(container), init)
  assert.equal(await dockerStop(container, init), 0, container.log())
})

test('under a supervisor, the daemon exits with the restart code, and the new version starts', async (t) => {
  const machine = await Installation.open(t, registry)
  await machine.hub()
  const supervisor = machine.supervise()
  await machine.runs('1.0.0')
  const whole = await streaming(t, machine)
  const outcome = await machine.order('latest')
  assert.equal(outcome.result?.restart_strategy, 'supervisor_required', JSON.stringify(outcome))
  assert.deepEqual(supervisor.exits, [75])
  await machine.runs('1.1.0')
  await whole()
  await supervisor.stop()
  assert.deepEqual(supervisor.exits, [75, 0])
})

test('after an update of an unprivileged daemon, each start by the supervisor runs the new version', async (t) => {
  const machine = await Installation.open(t, registry, { withoutRights: true })
  await machine.hub()
  const supervisor = machine.supervise()
  await machine.runs('1.0.0')
  const whole = await streaming(t, machine)
  const outcome = await machine.order('1.1.0')
  assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
  assert.deepEqual(
    [outcome.result?.mode, outcome.result?.restart_strategy],
    ['user-prefix', 'supervisor_required'],
  )
  await machine.runs('1.1.0')
  await whole()
  await supervisor.stop()
})

test('under pm2, the process continues as the new version', async (t) => {
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  await machine.hub()
  const pm2 = join(await testTool('pm2', '7.0.4'), 'pm2/bin/pm2')
  stage.env.PM2_HOME = join(stage.dir, 'pm2')
  const started = await machine.run(
    ['start', machine.command, '--name', 'daemon', '--no-treekill', '--', ...stage.daemonArgs()],
    pm2,
  )
  assert.equal(started.code, 0, started.stderr)
  await machine.runs('1.0.0')
  const whole = await streaming(t, machine)
  const outcome = await machine.order('latest')
  assert.equal(outcome.result?.restart_strategy, 'supervisor_required', JSON.stringify(outcome))
  await machine.runs('1.1.0')
  const listed = JSON.parse((await machine.run(['jlist'], pm2)).stdout) as { pid: number }[]
  assert.deepEqual(
    listed.map(({ pid }) => pid),
    [machine.daemon?.pid],
  )
  await whole()
  await machine.run(['kill'], pm2)
})

test('`update` on the machine orders the update, follows the daemon over its restart, and reports the outcome', async (t) => {
  const machine = await Installation.open(t, registry)
  await machine.start()
  const check = await machine.run(['update', '--check', '--json'])
  assert.deepEqual(JSON.parse(check.stdout), {
    ...JSON.parse(check.stdout),
    installed: '1.0.0',
    available: '1.1.0',
    newer: true,
    bad: false,
  })
  const { code, stdout, stderr } = await machine.run(['update'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Updated from 1\.0\.0 to 1\.1\.0, in \d/)
  // The command does not show stages that take no time.
  for (const stage of ['resolve', 'prove']) assert.match(stderr, new RegExp(`^${stage}`, 'm'))
  await machine.runs('1.1.0')
  const again = await machine.run(['update'])
  assert.equal(again.stdout, '1.1.0 is already running.')
})

test('`update` without a running daemon updates the installation, and `--allow-downgrade` reverts the update', async (t) => {
  const machine = await Installation.open(t, registry)
  const { code, stdout, stderr } = await machine.run(['update', '--json'])
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).to_version, '1.1.0')
  assert.equal(await machine.version(), '1.1.0')
  const older = await machine.run(['update', '1.0.0', '--json'])
  assert.deepEqual([older.code, JSON.parse(older.stdout).error.code], [4, 'update_downgrade'])
  const back = await machine.run(['update', '1.0.0', '--allow-downgrade'])
  assert.equal(back.code, 0, back.stderr)
  assert.equal(await machine.version(), '1.0.0')
})

test('`update` by an unprivileged user without a daemon takes effect at the daemon’s next start', async (t) => {
  const machine = await Installation.open(t, registry, { withoutRights: true })
  const { code, stdout, stderr } = await machine.run(['update'])
  assert.equal(code, 0, stderr)
  assert.ok(stdout.includes(machine.userCommand), stdout)
  assert.equal(await machine.version(machine.userCommand), '1.1.0')
  await machine.start()
  await machine.runs('1.1.0')
})

test('an npm installation in ~/.fomular counts as the user’s prefix', async (t) => {
  const machine = await Installation.open(t, registry, { inHome: true })
  const { code, stdout, stderr } = await machine.run(['update', '--json'])
  assert.equal(code, 0, stderr)
  const { mode, path } = JSON.parse(stdout)
  assert.deepEqual([mode, path], ['user-prefix', machine.command])
  assert.equal(await machine.version(), '1.1.0')
})

test('other users can run a version that root installed with a strict umask, and root’s update ignores another user’s .npmrc', async (t) => {
  const machine = await Installation.open(t, registry, { withoutRights: true })
  const { stage } = machine
  // A folder like /tmp, in which npm would look for a project.
  const shared = join(stage.dir, 'tmp')
  mkdirSync(shared)
  writeFileSync(join(shared, 'package.json'), '{}')
  writeFileSync(join(shared, '.npmrc'), 'registry=http://127.0.0.1:1\n')
  // Root needs a separate copy of .npmrc, because the update ignores an .npmrc of another user.
  const HOME = tempDir(t)
  writeFileSync(join(HOME, '.npmrc'), readFileSync(join(stage.env.HOME!, '.npmrc')))
  const env = { ...stage.env, HOME, TMPDIR: shared, FOMULAR_STATE_DIR: join(tempDir(t), 'state') }
  for (const args of [['--check'], []]) {
    const command = ['-c', 'umask 077; exec "$@"', 'sh', machine.node, machine.command, 'update', ...args]
    await execa('/bin/sh', command, { env, extendEnv: false })
  }
  assert.equal(await machine.version(), '1.1.0')
})

test('`machine update` from the hub shows each stage', async (t) => {
  const machine = await Installation.open(t, registry)
  await machine.start()
  const { code, stdout, stderr } = await machine.run(['machine', 'update', '--to', 'next'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Updated from 1\.0\.0 to 1\.2\.0/)
  assert.match(stderr, /^prove/m)
  await machine.runs('1.2.0')
})

test('without npm, the daemon downloads from the configured registry', async (t) => {
  const machine = await Installation.open(t, registry)
  const { stage, node } = machine
  stage.env.PATH = join(stage.dir, 'no-such-folder')
  assert.ok(!existsSync(join(node, '../npm')))
  const unset = await machine.run(['update', '--json'])
  assert.equal(JSON.parse(unset.stdout).to_version, '1.1.0', unset.stdout + unset.stderr)
  assert.equal(await machine.version(), '1.1.0')
})

test('if `up` also runs the hub, `up` stays in the foreground during an update, and then runs the new version', async (t) => {
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  const up = stage.run(['up'], {}, stage.daemonCommand)
  await until(() => existsSync(join(stage.state, 'hub/user.key')), { what: 'the hub' })
  await machine.runs('1.0.0')
  const outcome = await machine.run(['update'])
  assert.equal(outcome.code, 0, outcome.stderr)
  await machine.runs('1.1.0')
  up.kill('SIGTERM')
  assert.equal(await up.ended, 0)
})

test('`update` names each daemon that still runs the old version, and the command that restarts it', async (t) => {
  const machine = await Installation.open(t, registry)
  await machine.start()
  const { stage } = machine
  const other = join(stage.dir, 'other')
  const second = stage.run([...stage.daemonArgs(), '--state-dir', other], {}, stage.daemonCommand)
  await until(() => existsSync(join(other, 'daemon.sock')), { what: 'a second daemon' })

  const { code, stdout, stderr } = await machine.run(['update'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Updated from 1\.0\.0 to 1\.1\.0/)
  const line = new RegExp(
    `Still runs 1\\.0\\.0: the daemon in ${other}.*\n  → fomular-daemon restart --state-dir ${other}$`,
    'm',
  )
  assert.match(stderr, line)

  const restarted = await machine.run(['restart', '--state-dir', other, '--json'])
  assert.equal(JSON.parse(restarted.stdout).version, '1.1.0')
  await second.ended
  const again = await machine.run(['update', '--json'])
  const { to_version, daemon, outdated } = JSON.parse(again.stdout)
  assert.deepEqual([to_version, daemon.state_dir], ['1.1.0', stage.state])
  // Other tests may run daemons on this machine, too.
  assert.ok(!outdated.some(({ state_dir }: { state_dir: string }) => state_dir === other))
  await machine.run(['stop', '--state-dir', other])
})
