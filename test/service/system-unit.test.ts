import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { INSTALL_SYSTEM as INSTALL, MACHINE_KEY, serviceMachine } from '../support/service-machine.ts'

const UNIT = '/etc/systemd/system/fomular-daemon.service'
const DROP_IN = `${UNIT}.d/test.conf`
const STATE = '/var/lib/fomular-daemon'

test('a system unit handles faults, updates, and shutdowns', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon, at, write, kill } = on
  const installed = await daemon(INSTALL)
  assert.equal(installed.code, 0, installed.stderr)
  let now = await on.status()
  const agent = await on.startAgent()
  const { pid } = await on.agentIs(agent, 'idle')
  const adopted = async () => {
    const found = await on.agentIs(agent, 'idle')
    assert.deepEqual([found.pid, found.run], [pid, 1])
  }

  const doctor = async () => {
    const { stdout } = await daemon(['doctor', '--state-dir', STATE, '--json'])
    const { findings } = JSON.parse(stdout) as {
      findings: { check: string; message: string; remedy?: string }[]
    }
    return findings.filter(({ check }) => check === 'service')
  }

  await t.test('the watchdog restarts a frozen daemon', async () => {
    write(DROP_IN, '[Service]\nWatchdogSec=8\n')
    await machine.out(['systemctl', 'daemon-reload'])
    const before = now
    await daemon(['service', 'restart'])
    now = await on.renewed(before)
    await kill('STOP', now.pid)
    now = await on.renewed(now)
    assert.match(await machine.out(['journalctl', '-u', 'fomular-daemon']), /[Ww]atchdog timeout/)
    await adopted()
    // Wait longer than the watchdog's timeout: the watchdog does not end a healthy daemon.
    await machine.out(['sleep', '12'])
    assert.equal((await on.status()).pid, now.pid)
  })

  await t.test(
    'an update of an older unit keeps agents alive, and keeps the settings that the user has added',
    async () => {
      const unit = readFileSync(at(UNIT), 'utf8')
      write(UNIT, unit.replace('KillMode=process', 'KillMode=control-group'))
      await machine.out(['systemctl', 'daemon-reload'])
      const [told] = await doctor()
      assert.match(told?.message ?? '', /fomular-daemon ends all agents/)
      assert.match(told?.remedy ?? '', /KillMode=process/)
      const before = now
      const again = JSON.parse((await daemon([...INSTALL, '--json'])).stdout)
      assert.ok(again.done.includes(`wrote ${UNIT}`))
      now = await on.renewed(before)
      assert.equal(readFileSync(at(UNIT), 'utf8'), unit)
      assert.ok(existsSync(at(DROP_IN)))
      await adopted()
      const messages = (await doctor()).map(({ message }) => message)
      assert.deepEqual(messages, ['The service fomular-daemon of systemd keeps agents alive'])
    },
  )

  await t.test('a daemon with an invalid configuration ends and is not restarted', async () => {
    write('/etc/fomular-daemon/environment', 'FOMULAR_MAX_AGENTS=many\n')
    const restarted = await daemon(['service', 'restart', '--json'])
    assert.equal(JSON.parse(restarted.stdout).error.code, 'service_failed')
    assert.match((await on.status()).state, /^failed/)
    assert.match(
      await machine.out(['journalctl', '-p', 'err', '-u', 'fomular-daemon']),
      /FOMULAR_MAX_AGENTS is "many"/,
    )
    rmSync(at('/etc/fomular-daemon/environment'))
    const started = await daemon(['service', 'start'])
    assert.equal(started.code, 0, started.stderr)
    now = await on.status()
    await adopted()
  })

  await t.test('the unit restarts a daemon that a stray SIGTERM has ended', async () => {
    await kill('TERM', now.pid)
    now = await on.renewed(now)
    assert.equal((await on.agent(agent)).state, 'exited')
  })

  await t.test('a shutdown of the machine ends agents gracefully', async () => {
    await daemon(['service', 'start'])
    const third = await on.startAgent()
    await on.agentIs(third, 'idle')
    await machine.powerOff()
    const exit = JSON.parse(readFileSync(at(`${STATE}/agents/${third}/exit.json`), 'utf8'))
    assert.deepEqual(exit, { version: 1, run: 1, code: 0 })
  })
})

test("`service install` through sudo uses the settings that `enroll` wrote to root's home, and the service runs as the caller", async (t) => {
  const { machine, daemon, status, at } = await serviceMachine(t)
  const home = '/root/.fomular'
  await machine.out(['mkdir', '-p', home])
  await machine.out(['cp', MACHINE_KEY, `${home}/key`])
  const config = 'server_url = "ws://127.0.0.1:3001"\nkey_file = "key"\nmax_agents = 7\n'
  await machine.out(['sh', '-c', `cat >${home}/config.toml`], { input: config })
  const env = { SUDO_USER: 'bob', HTTPS_PROXY: 'http://me:secret@proxy:8080', FOMULAR_LOG_LEVEL: 'debug' }
  const installed = await daemon(['service', 'install'], { env })
  assert.equal(installed.code, 0, installed.stderr)
  assert.match(installed.stderr, /HTTPS_PROXY contains a password/)
  const unit = readFileSync(at(UNIT), 'utf8')
  assert.match(unit, /^Environment=FOMULAR_LOG_LEVEL=debug$/m)
  assert.doesNotMatch(unit, /secret|HTTPS_PROXY/)
  const { pid, says } = await status()
  assert.match(says, /^Connected/)
  assert.match(await machine.out(['stat', '-c', '%U', `/proc/${pid}`]), /^bob/)
  const command = await machine.out(['cat', `/proc/${pid}/cmdline`])
  assert.match(command, /--max-agents\x007\0/)

  // The command refuses a file that bob cannot read, because the daemon could not use it.
  await machine.out(['touch', '/root/ca.pem'])
  const refused = await daemon(['service', 'install', '--ca-file', '/root/ca.pem'], {
    env: { SUDO_USER: 'bob' },
  })
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /bob cannot read \/root\/ca\.pem/)
})

test('a system unit limits what agents can do', async (t) => {
  const { machine, daemon, at, write } = await serviceMachine(t)
  assert.equal((await daemon([...INSTALL, '--no-start'])).code, 0)
  const unit = readFileSync(at(UNIT), 'utf8')
  /** Runs a script instead of the daemon. @returns the lines of its output */
  const probe = async (script: string) => {
    write('/opt/probe', script)
    const oneshot = unit
      .replace(/^ExecStart=.*$/m, 'ExecStart=/bin/sh /opt/probe\nStandardOutput=truncate:/opt/said')
      .replace(/^Type=.*$/m, 'Type=oneshot')
      .replace(/^(Restart|RestartForceExitStatus|SuccessExitStatus|WatchdogSec)=.*$/gm, '')
    write('/etc/systemd/system/probe.service', oneshot)
    await machine.out(['systemctl', 'daemon-reload'])
    await machine.out(['systemctl', 'start', 'probe'])
    return readFileSync(at('/opt/said'), 'utf8').trim().split('\n')
  }
  const writes =
    'for f in ~ /tmp /var/tmp /usr /etc /boot; do touch $f/x && rm $f/x && echo $f; done 2>/dev/null; true'
  assert.deepEqual(await probe(writes), ['/home/bob', '/tmp', '/var/tmp'])
  // Agents can create a user namespace, as sandboxes do, and see only the user's own processes.
  assert.deepEqual(
    await probe('unshare --user --map-root-user id -u; ls -d /proc/1 /proc/$$ 2>/dev/null | wc -l'),
    ['0', '1'],
  )
  const rights = "grep -E '^(NoNewPrivs|CapBnd)' /proc/self/status | tr -d '\\t'"
  assert.deepEqual(await probe(rights), ['CapBnd:0000000000000000', 'NoNewPrivs:1'])
  // To allow sudo, apply the settings that a comment in the unit recommends.
  const settings = [...unit.matchAll(/^# {3}(\S.*)$/gm)].map(([, line]) => line)
  write('/etc/systemd/system/probe.service.d/sudo.conf', settings.join('\n'))
  const [capabilities, privileges] = await probe(rights)
  assert.equal(privileges, 'NoNewPrivs:0')
  assert.notEqual(capabilities, 'CapBnd:0000000000000000')
})
