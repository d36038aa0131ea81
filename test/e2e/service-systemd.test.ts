import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { INSTALL_SYSTEM as INSTALL, MACHINE_KEY, SERVER, serviceMachine } from '../support/service-machine.ts'

const UNIT = '/etc/systemd/system/fomular-daemon.service'
const STATE = '/var/lib/fomular-daemon'

test('a systemd unit can be installed, killed, restarted, stopped, and removed', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon, at, kill } = on
  const key = readFileSync(at(MACHINE_KEY), 'utf8').trim()

  const dry = await daemon([...INSTALL, '--dry-run'])
  assert.equal(dry.code, 0, dry.stderr)
  assert.match(dry.stdout, /write \/etc\/systemd\/system\/fomular-daemon\.service/)
  assert.ok(!existsSync(at(UNIT)) && !existsSync(at('/etc/fomular-daemon')))

  const installed = await daemon(INSTALL)
  assert.equal(installed.code, 0, installed.stderr)
  assert.doesNotMatch(installed.stdout + installed.stderr, new RegExp(key))
  // Type=notify: the unit becomes active only when the daemon reports that it is connected.
  let now = await on.status()
  assert.match(now.says, /^Connected to ws:\/\/127\.0\.0\.1:3001/)
  assert.deepEqual([now.running, now.enabled, now.state], [true, true, 'active (running)'])
  const stored = statSync(at('/etc/fomular-daemon/key'))
  assert.deepEqual([stored.mode & 0o777, stored.uid], [0o600, 0])
  const shown = await machine.out([
    'sh',
    '-c',
    `cat ${UNIT} /proc/${now.pid}/cmdline /proc/${now.pid}/environ`,
  ])
  assert.doesNotMatch(shown, new RegExp(key))
  assert.match(await machine.out(['stat', '-c', '%U %a', STATE, `/proc/${now.pid}`]), /^bob 700\nbob /)

  const printed = await daemon(['service', 'print', '--user', 'bob', ...SERVER])
  assert.equal(printed.stdout, readFileSync(at(UNIT), 'utf8'))
  assert.match(printed.stderr, /Save the key as \/etc\/fomular-daemon\/key, mode 0600/)
  const logged = await daemon(['service', 'logs', '--lines', '20'])
  assert.match(logged.stdout, /fomular-daemon\[\d+\]: .* connected/)

  const agent = await on.startAgent()
  const { pid } = await on.agentIs(agent, 'idle')
  const adopted = async () => {
    const found = await on.agentIs(agent, 'idle')
    assert.deepEqual([found.pid, found.run], [pid, 1])
  }

  await t.test('a repeated installation changes nothing', async () => {
    const again = JSON.parse((await daemon([...INSTALL, '--json'])).stdout)
    assert.deepEqual(
      again.done.filter((text: string) => text.startsWith('wrote')),
      [],
    )
    assert.equal(again.pid, now.pid)
  })

  await t.test('a killed daemon is started again and keeps its agents', async () => {
    await kill('KILL', now.pid)
    now = await on.renewed(now)
    assert.equal(now.restarts, 1)
    await adopted()
  })

  await t.test('a restart runs the installed version and keeps the agents', async () => {
    const before = now
    const restarted = await daemon(['service', 'restart'])
    assert.equal(restarted.code, 0, restarted.stderr)
    now = await on.renewed(before)
    await adopted()
  })

  await t.test(
    '`stop` refuses if systemd would restart the daemon, and names the command to use instead',
    async () => {
      const refused = await daemon(['stop', '--state-dir', STATE])
      assert.equal(refused.code, 4)
      assert.match(refused.stderr, /is the service fomular-daemon of systemd.*\n.*service stop/)
      await adopted()
    },
  )

  await t.test('a stopped service ends its agents gracefully, and leaves nothing running', async () => {
    const second = await on.startAgent()
    await on.agentIs(second, 'idle')
    await machine.out(['systemctl', 'stop', 'fomular-daemon'])
    assert.deepEqual((await on.agent(second)).exit, { code: 0, reason: 'stopped' })
    const bobs = "for p in /proc/[0-9]*; do stat -c '%U %n' $p; done 2>/dev/null | grep ^bob || true"
    assert.equal(await machine.out(['sh', '-c', bobs]), '')
    const stopped = await daemon(['service', 'status'])
    assert.equal(stopped.code, 1)
    assert.match(stopped.stdout, /inactive \(dead\)/)
    assert.match(await machine.out(['systemctl', 'show', '-p', 'Result', 'fomular-daemon']), /Result=success/)
  })

  await t.test('a removed service leaves only its state', async () => {
    const removed = await daemon(['service', 'uninstall'])
    assert.equal(removed.code, 0, removed.stderr)
    const left = await machine.out(['find', '/etc', '/var/lib/systemd', '/run/systemd', '-name', '*fomular*'])
    assert.equal(left, '')
    assert.ok(existsSync(at(`${STATE}/machine.json`)))
    assert.equal((await daemon(['service', 'status'])).code, 4)
  })
})
