import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MACHINE_KEY, SERVER, type ServiceMachine, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const UNIT = '/etc/systemd/system/fomular-daemon.service'
const DROP_IN = `${UNIT}.d/test.conf`
const STATE = '/var/lib/fomular-daemon'
const INSTALL = ['service', 'install', '--user', 'bob', ...SERVER, '--key-file', MACHINE_KEY]

interface Status {
  pid: number
  running: boolean
  enabled: boolean
  state: string
  restarts: number
  says: string
}

async function status({ daemon }: ServiceMachine): Promise<Status> {
  return JSON.parse((await daemon(['service', 'status', '--json'])).stdout)
}

/** Waits until another process is the daemon, and is connected. */
async function renewed(on: ServiceMachine, before: Status): Promise<Status> {
  return until(
    async () => {
      const now = await status(on)
      return now.running && now.pid !== before.pid && /^Connected/.test(now.says) && now
    },
    { what: 'a new daemon' },
  )
}

test('a unit of the machine: installed, and through all that can happen to its daemon', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon } = on
  const at = (path: string) => join(machine.root, path)
  const key = readFileSync(at(MACHINE_KEY), 'utf8').trim()
  const kill = (signal: string, pid: number) => machine.out(['sh', '-c', `kill -s ${signal} ${pid}`])
  const write = (path: string, text: string) => {
    mkdirSync(join(at(path), '..'), { recursive: true })
    writeFileSync(at(path), text)
  }

  const dry = await daemon([...INSTALL, '--dry-run'])
  assert.equal(dry.code, 0, dry.stderr)
  assert.match(dry.stdout, /write \/etc\/systemd\/system\/fomular-daemon\.service/)
  assert.ok(!existsSync(at(UNIT)) && !existsSync(at('/etc/fomular-daemon')))

  const installed = await daemon(INSTALL)
  assert.equal(installed.code, 0, installed.stderr)
  assert.doesNotMatch(installed.stdout + installed.stderr, new RegExp(key))
  // Type=notify: it is not active before the daemon says so, and that it says when it is connected.
  let now = await status(on)
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

  const agent = await on.startAgent()
  const { pid } = await on.agentIs(agent, 'idle')
  const adopted = async () => {
    const found = await on.agentIs(agent, 'idle')
    assert.deepEqual([found.pid, found.run], [pid, 1])
  }

  await t.test('the same again changes nothing', async () => {
    const again = JSON.parse((await daemon([...INSTALL, '--json'])).stdout)
    assert.deepEqual(
      again.done.filter((text: string) => text.startsWith('wrote')),
      [],
    )
    assert.equal(again.pid, now.pid)
  })

  await t.test('killed: started again, with its agents', async () => {
    await kill('KILL', now.pid)
    now = await renewed(on, now)
    assert.equal(now.restarts, 1)
    await adopted()
  })

  await t.test('restarted: from what is installed now, with its agents', async () => {
    const before = now
    const restarted = await daemon(['service', 'restart'])
    assert.equal(restarted.code, 0, restarted.stderr)
    now = await renewed(on, before)
    await adopted()
  })

  await t.test('frozen: found by the watchdog, and started again', async () => {
    write(DROP_IN, '[Service]\nWatchdogSec=8\n')
    await machine.out(['systemctl', 'daemon-reload'])
    const before = now
    await daemon(['service', 'restart'])
    now = await renewed(on, before)
    await kill('STOP', now.pid)
    now = await renewed(on, now)
    assert.match(await machine.out(['journalctl', '-u', 'fomular-daemon']), /[Ww]atchdog timeout/)
    await adopted()
    // One that is well is left alone for longer than that.
    await machine.out(['sleep', '12'])
    assert.equal((await status(on)).pid, now.pid)
  })

  await t.test(
    'an older unit is brought up to date, with the agents alive; what the user added stays',
    async () => {
      const unit = readFileSync(at(UNIT), 'utf8')
      write(UNIT, unit.replace('KillMode=process', 'KillMode=control-group'))
      await machine.out(['systemctl', 'daemon-reload'])
      const before = now
      const again = JSON.parse((await daemon([...INSTALL, '--json'])).stdout)
      assert.ok(again.done.includes(`wrote ${UNIT}`))
      now = await renewed(on, before)
      assert.equal(readFileSync(at(UNIT), 'utf8'), unit)
      assert.ok(existsSync(at(DROP_IN)))
      await adopted()
    },
  )

  await t.test('a configuration that is refused: it ends, and is not tried over and over', async () => {
    write('/etc/fomular-daemon/environment', 'FOMULAR_MAX_AGENTS=many\n')
    const restarted = await daemon(['service', 'restart', '--json'])
    assert.equal(JSON.parse(restarted.stdout).error.code, 'service_failed')
    assert.match((await status(on)).state, /^failed/)
    assert.match(await machine.out(['journalctl', '-u', 'fomular-daemon']), /FOMULAR_MAX_AGENTS is "many"/)
    rmSync(at('/etc/fomular-daemon/environment'))
    const started = await daemon(['service', 'start'])
    assert.equal(started.code, 0, started.stderr)
    now = await status(on)
    await adopted()
  })

  await t.test('ended by a stray SIGTERM, it comes back', async () => {
    await kill('TERM', now.pid)
    now = await renewed(on, now)
    assert.equal((await on.agent(agent)).state, 'exited')
  })

  await t.test('stopped: its agents are ended gracefully, and nothing is left', async () => {
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

  await t.test('the machine shuts down: agents are ended gracefully', async () => {
    await daemon(['service', 'start'])
    const third = await on.startAgent()
    await on.agentIs(third, 'idle')
    await machine.powerOff()
    const exit = JSON.parse(readFileSync(at(`${STATE}/agents/${third}/exit.json`), 'utf8'))
    assert.deepEqual(exit, { version: 1, run: 1, code: 0 })
  })
})
