import assert from 'node:assert/strict'
import { test } from 'node:test'
import { INSTALL_SYSTEM as INSTALL, MACHINE_KEY, SERVER, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const STATE = '/var/lib/fomular-daemon'
/** Options for a command whose environment names no state folder. */
const UNNAMED = { env: { FOMULAR_STATE_DIR: '' } }

test('on a machine with a service, everyday commands use the service', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon } = on
  await machine.out(['useradd', '--create-home', '--shell', '/bin/bash', 'alice'])
  const json = async (argv: string[], options: Parameters<typeof daemon>[1] = {}) => {
    const { code, stdout } = await daemon([...argv, '--json'], options)
    return { code, ...JSON.parse(stdout) }
  }
  const service = { manager: 'systemd', name: 'fomular-daemon' }
  assert.equal((await daemon(INSTALL)).code, 0)

  await t.test('root sees the service, even if HOME is another user’s folder', async () => {
    const environments: Record<string, string>[] = [
      {},
      { FOMULAR_STATE_DIR: '' },
      { HOME: '/home/alice', SUDO_UID: '1001' },
    ]
    for (const env of environments) {
      const shown = await daemon(['status'], { env })
      assert.equal(shown.code, 0, shown.stderr)
      assert.equal(shown.stderr, `This is the service fomular-daemon of systemd, user bob, in ${STATE}.\n`)
      assert.match(shown.stdout, new RegExp(`State +${STATE}\n`))
    }
    const { code, daemon: found } = await json(['status'])
    assert.deepEqual([code, found.state_dir, found.user, found.service], [0, STATE, 'bob', service])
  })

  await t.test('`logs`, `doctor`, and `restart` use the service, and `stop` refuses', async () => {
    assert.match((await daemon(['logs', '-n', '5'])).stdout, /connected server_version/)
    assert.match((await daemon(['doctor'])).stdout, new RegExp(`State folder ${STATE}\n✓ The daemon runs`))
    const before = await on.status()
    const restarted = await json(['restart'])
    assert.deepEqual([restarted.code, restarted.daemon.service], [0, service])
    await on.renewed(before)
    const refused = await daemon(['stop'])
    assert.equal(refused.code, 4)
    assert.match(refused.stderr, /which would start it again\.\n.*service stop --manager systemd --name/)
  })

  await t.test('for an ordinary user, the error contains the command with sudo', async () => {
    const lines = ['status', 'logs -n 3', 'doctor', 'update', 'stop', 'agent list']
    for (const line of lines) {
      const refused = await daemon(line.split(' '), { user: 'alice', ...UNNAMED })
      assert.equal(refused.code, 4, line)
      const dir = line === 'agent list' ? '/var/lib/hub' : STATE
      assert.ok(refused.stderr.includes(`sudo fomular-daemon ${line} --state-dir ${dir}`), refused.stderr)
    }
    const { error } = await json(['status'], { user: 'alice' })
    assert.deepEqual([error.code, error.daemon.service], ['daemon_forbidden', service])
    // The user that runs the service needs no sudo.
    assert.equal((await daemon(['status'], { user: 'bob' })).code, 0)
  })

  await t.test('commands find the hub of a service in the same way as its daemon', async () => {
    const listed = await daemon(['agent', 'list'])
    assert.equal(listed.code, 0, listed.stderr)
    assert.match(
      listed.stderr,
      /^This is the hub of the service hub of systemd, user root, in \/var\/lib\/hub\.\n$/,
    )
  })

  await t.test(
    'if several daemons are running, commands list them, use none of them, and exit with code 2',
    async () => {
      const key = ['--key-file', MACHINE_KEY]
      await daemon(['service', 'install', '--name', 'second', '--user', 'alice', ...SERVER, ...key])
      for (const command of ['status', 'stop', 'update', 'restart', 'logs', 'doctor']) {
        const several = await daemon([command])
        assert.equal(several.code, 2, command)
        assert.match(
          several.stderr,
          /2 daemons are running on this machine:\n.*\n +fomular-daemon \w+ --state-dir/,
        )
        assert.match(several.stderr, /service second of systemd, user alice, in \/var\/lib\/second\n/)
      }
      const { code, error } = await json(['status'])
      assert.deepEqual(
        [code, error.code, error.daemons.map(({ state_dir }: { state_dir: string }) => state_dir).sort()],
        [2, 'daemon_ambiguous', [STATE, '/var/lib/second']],
      )
      assert.equal((await daemon(['status', '--state-dir', STATE])).code, 0)
      await daemon(['service', 'uninstall', '--name', 'second'])
    },
  )

  await t.test('a daemon started by hand elsewhere is found by its user and by root', async () => {
    await daemon(['service', 'stop'])
    const key = '/home/alice/key'
    await on.enroll('alice', key)
    const run = [
      'fomular-daemon',
      'run',
      ...SERVER,
      '--key-file',
      key,
      '--state-dir',
      '/home/alice/elsewhere',
    ]
    const words = run.join(' ')
    const begin = () => machine.out(['sh', '-c', `${words} >/dev/null 2>&1 &`], { user: 'alice' })
    await begin()
    const options = { user: 'alice' }
    await until(async () => (await daemon(['status'], options)).code === 0, { what: 'a daemon of alice' })
    const own = await daemon(['status'], options)
    assert.equal(own.stderr, 'This is the daemon in /home/alice/elsewhere, user alice, started by hand.\n')
    assert.match(
      (await daemon(['status'])).stderr,
      /^This is the daemon in .*, user alice, started by hand\.\n$/,
    )

    const unnamed = await daemon(['stop'])
    assert.equal(unnamed.code, 2)
    assert.match(
      unnamed.stderr,
      /→ To stop that daemon, name it: fomular-daemon stop --state-dir \/home\/alice\/elsewhere/,
    )
    // If a symbolic link replaces the socket, root does not follow the link.
    const socket = '/home/alice/elsewhere/daemon.sock'
    await machine.out(['sh', '-c', `mv ${socket} ${socket}.old && ln -s ${socket}.old ${socket}`], options)
    assert.equal((await daemon(['status', '--state-dir', '/home/alice/elsewhere'])).code, 4)
    await machine.out(['mv', `${socket}.old`, socket], options)
    // If a symbolic link replaces the log, root does not follow the link either.
    const log = '/home/alice/elsewhere/daemon.log'
    await machine.out(['sh', '-c', `mv ${log} ${log}.old && ln -s /etc/shadow ${log}`], options)
    const closed = await daemon(['logs', '--state-dir', '/home/alice/elsewhere'])
    assert.match(closed.stderr, /not a plain file/)
    assert.equal(closed.stdout, '')
    assert.equal((await daemon(['stop', '--state-dir', '/home/alice/elsewhere'])).code, 0)
  })

  await t.test('a service that its manager is about to restart is reported as starting', async () => {
    on.write('/etc/systemd/system/fomular-daemon.service.d/slow.conf', '[Service]\nRestartSec=1h\n')
    await machine.out(['systemctl', 'daemon-reload'])
    await daemon(['service', 'start'])
    await on.kill('KILL', (await on.status()).pid)
    const starting = await until(
      async () => {
        const shown = await daemon(['status'])
        return shown.code === 4 && shown
      },
      { what: 'the end of the daemon' },
    )
    assert.match(
      starting.stderr,
      /The service fomular-daemon of systemd, user bob, in .*, is starting: activating \(auto-restart\)/,
    )
    const logs = 'fomular-daemon service logs --manager systemd --name fomular-daemon'
    assert.ok(starting.stderr.endsWith(`read its log: ${logs}\n`), starting.stderr)
    await machine.out(['rm', '-r', '/etc/systemd/system/fomular-daemon.service.d'])
    await machine.out(['systemctl', 'daemon-reload'])
    await daemon(['service', 'start'])
    await daemon(['service', 'stop'])
  })

  await t.test('a stopped service is reported as stopped, with the command that starts it', async () => {
    for (const user of ['root', 'bob', 'nobody']) {
      const stopped = await daemon(['status'], user === 'root' ? {} : { user })
      assert.equal(stopped.code, 4)
      assert.match(
        stopped.stderr,
        /The service fomular-daemon of systemd, user bob, in .*, is not running: inactive/,
      )
      assert.doesNotMatch(stopped.stderr, /`fomular-daemon up`/)
      const sudo = user === 'root' ? '' : 'sudo '
      const start = 'fomular-daemon service start --manager systemd --name fomular-daemon'
      assert.ok(stopped.stderr.endsWith(`→ Start it: ${sudo}${start}\n`), stopped.stderr)
    }
    assert.match((await daemon(['logs', '-n', '1'])).stdout, /daemon stopped/)
    assert.match((await daemon(['doctor'])).stdout, /✗ The service fomular-daemon of systemd/)
  })

  await t.test('a handwritten unit is recognized by its command and its user', async () => {
    await daemon(['service', 'uninstall'])
    await on.enroll('bob', '/home/bob/key')
    on.write(
      '/etc/systemd/system/agents.service',
      `[Service]\nUser=bob\nRestart=always\nExecStart=/usr/local/bin/fomular-daemon ${SERVER.join(' ')} \\\n  --key-file /home/bob/key\n`,
    )
    await machine.out(['systemctl', 'daemon-reload'])
    const state = '/home/bob/.fomular/state'
    const unit = /The service agents of systemd, user bob, in \/home\/bob\/\.fomular\/state, is not running/
    assert.match((await daemon(['status'])).stderr, unit)
    await machine.out(['systemctl', 'start', 'agents'])
    await until(async () => (await daemon(['status'])).code === 0, { what: 'the daemon of a unit' })
    const found = await json(['status'])
    assert.deepEqual([found.daemon.state_dir, found.daemon.service.name], [state, 'agents'])
    assert.match((await daemon(['stop'])).stderr, /service stop --manager systemd --name agents/)
    const told = await daemon(['status'], { user: 'alice' })
    assert.ok(told.stderr.includes(`sudo fomular-daemon status --state-dir ${state}`), told.stderr)
  })

  await t.test('a command of root reports that it uses another user’s hub, even with --json', async () => {
    await machine.out(['systemctl', 'stop', 'hub'])
    const hub = 'setsid fomular-daemon hub --port 3077 >/dev/null 2>&1 &'
    await machine.out(['sh', '-c', hub], { user: 'alice' })
    for (const more of [[], ['--json']]) {
      const listed = await until(
        async () => {
          const ran = await daemon(['agent', 'list', ...more])
          return ran.code === 0 && ran
        },
        { what: 'the hub of alice' },
      )
      assert.match(listed.stderr, /^This is the hub .*user alice, .*\n$/)
    }
  })
})
