import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MACHINE_KEY, SERVER, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const UNIT = '/home/bob/.config/systemd/user/fomular-daemon.service'
/** A PATH with characters that have a special meaning in unit files. */
const ODD = '/usr/local/bin:/usr/bin:/bin:/opt/a b/%h $HOME "c" \\x'

test('a unit of a user runs even without a login until it is removed', async (t) => {
  const on = await serviceMachine(t, { user: 'bob' })
  const { machine, daemon, at, kill } = on
  const as = { user: 'bob' }
  const key = readFileSync(at(MACHINE_KEY), 'utf8')
  const install = (...more: string[]) =>
    daemon(['service', 'install', ...SERVER, '--path', ODD, '--key-file', '-', ...more], {
      ...as,
      input: key,
    })

  await t.test(
    '`service install` prints a remedy if the user may not run services without a login',
    async () => {
      const refused = await install()
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /sudo loginctl enable-linger bob/)
      await machine.out(['loginctl', 'enable-linger', 'bob'])
      const bus = async () => (await machine.run(['test', '-S', '/run/user/1000/bus'])).code === 0
      await until(bus, { what: 'the systemd of bob' })
    },
  )

  const installed = await install()
  assert.equal(installed.code, 0, installed.stderr)
  assert.doesNotMatch(installed.stdout + installed.stderr, new RegExp(key.trim()))
  let now = await on.status()
  assert.match(now.says, /^Connected/)
  assert.match(await machine.out(['stat', '-c', '%U %a', '/home/bob/.config/fomular-daemon/key']), /^bob 600/)
  const environment = await machine.out(['cat', `/proc/${now.pid}/environ`])
  assert.ok(environment.split('\0').includes(`PATH=${ODD}`), environment)
  // The daemon uses the default state folder, so the user's commands find it.
  assert.equal((await daemon(['status'], as)).code, 0)

  const agent = await on.startAgent()
  const { pid } = await on.agentIs(agent, 'idle')
  for (const end of [() => kill('KILL', now.pid), () => daemon(['service', 'restart'], as)]) {
    const before = now
    await end()
    now = await on.renewed(before)
    assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
  }

  await t.test('a daemon without a server counts as started after a while', async () => {
    await daemon(['service', 'stop'], as)
    assert.deepEqual((await on.agent(agent)).exit, { code: 0, reason: 'stopped' })
    await machine.out(['systemctl', 'stop', 'hub'])
    const started = await daemon(['service', 'start', '--json'], as)
    assert.equal(started.code, 0, started.stderr)
    assert.match(
      JSON.parse(started.stdout).says,
      /^Not connected to ws:\/\/127\.0\.0\.1:3001: .*ECONNREFUSED/,
    )
  })

  await t.test('uninstalling the service deletes its files, but not its state', async () => {
    const removed = await daemon(['service', 'uninstall'], as)
    assert.equal(removed.code, 0, removed.stderr)
    const left = await machine.out(['find', '/home/bob/.config', '-name', '*fomular*'])
    assert.equal(left, '')
    assert.ok(!existsSync(at(UNIT)) && existsSync(at('/home/bob/.fomular/state/machine.json')))
  })
})
