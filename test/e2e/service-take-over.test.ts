import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { HUB, MACHINE_KEY, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const UNIT = '/etc/systemd/system/fomular.service'
const byHand = (key: string) => `[Unit]
Description=FomularOS daemon
After=network-online.target

[Service]
Type=simple
User=bob
Environment=MACHINE_KEY=${key}
Environment=FOMULAR_DAEMON_NO_SELF_RELAUNCH=1
Environment="ANTHROPIC_API_KEY=sk \\"x\\" $1" FOMULAR_MAX_AGENTS=7
LimitNOFILE=4096
ExecStart=/usr/local/bin/fomular-daemon --server-url ws://127.0.0.1:3001 \\
  --key \${MACHINE_KEY}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`

test('a unit that was written by hand: taken over when somebody says so, with all that it had', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon, at, write } = on
  const key = readFileSync(at(MACHINE_KEY), 'utf8').trim()
  write(UNIT, byHand(key))
  write(`${UNIT}.d/more.conf`, '[Service]\nNice=5\n')
  write(`${UNIT}.d/user.conf`, '[Service]\nKillMode=control-group\n')
  await machine.out(['systemctl', 'daemon-reload'])
  await machine.out(['systemctl', 'start', 'fomular'])
  const connected = async () =>
    (await daemon(['machine', 'list', ...HUB, '--json'])).stdout.includes('"connected":true')
  await until(connected, { what: 'the daemon of the unit' })
  const agent = await on.startAgent()
  const { pid } = await on.agentIs(agent, 'idle')

  await t.test('without a word it is left alone, and it is said what to do', async () => {
    const refused = await daemon(['service', 'install', '--json'])
    assert.equal(refused.code, 4, refused.stdout)
    const { error } = JSON.parse(refused.stdout)
    assert.equal(error.code, 'by_hand')
    assert.match(error.remedy, /--take-over/)
    const dry = await daemon(['service', 'install', '--take-over', '--dry-run'])
    assert.equal(dry.code, 0, dry.stderr)
    for (const said of [
      /say: The unit fomular is taken over: .* user bob, state folder \/home\/bob\/\.fomular\/state/,
      /say: Not taken over: LimitNOFILE \(fomular\.service\)/,
      /write \/etc\/systemd\/system\/fomular\.service\.before-take-over \(mode 0600\)/,
      /write \/etc\/fomular\/key \(mode 0600\)/,
      /write \/etc\/fomular\/environment \(mode 0600\)/,
    ])
      assert.match(dry.stdout, said)
    assert.doesNotMatch(dry.stdout, new RegExp(`${key}|API_KEY=sk`))
    assert.equal(readFileSync(at(UNIT), 'utf8'), byHand(key))
  })

  await t.test('taken over: agents live on, the key is out of the unit', async () => {
    const taken = await daemon(['service', 'install', '--take-over', '--json'])
    assert.equal(taken.code, 0, taken.stdout + taken.stderr)
    const status = JSON.parse(taken.stdout)
    assert.deepEqual([status.name, status.running, status.user], ['fomular', true, 'bob'])
    const found = await on.agentIs(agent, 'idle')
    assert.deepEqual([found.pid, found.run], [pid, 1])
    const unit = readFileSync(at(UNIT), 'utf8')
    assert.doesNotMatch(unit, new RegExp(`${key}|API_KEY=sk`))
    assert.match(unit, /^User=bob$/m)
    for (const path of [`${UNIT}.before-take-over`, '/etc/fomular/key', '/etc/fomular/environment']) {
      const { mode, uid } = statSync(at(path))
      assert.deepEqual([mode & 0o777, uid], [0o600, 0], path)
    }
    assert.equal(readFileSync(at(`${UNIT}.before-take-over`), 'utf8'), byHand(key))
    assert.ok(existsSync(at(`${UNIT}.d/more.conf`)) && !existsSync(at(`${UNIT}.d/user.conf`)))
    const environment = (await machine.out(['cat', `/proc/${status.pid}/environ`])).split('\0')
    assert.ok(environment.includes('ANTHROPIC_API_KEY=sk "x" $1'), environment.join('\n'))
    assert.ok(environment.includes('FOMULAR_MAX_AGENTS=7'))
    assert.ok(!environment.some((each) => each.includes(key)))
  })

  await t.test('the same again changes nothing: what was not said anew, stays', async () => {
    const again = await daemon([
      'service',
      'install',
      '--name',
      'fomular',
      '--server-url',
      'ws://127.0.0.1:3001',
      '--json',
    ])
    const { done, user, pid: now } = JSON.parse(again.stdout)
    assert.deepEqual(
      [done.filter((text: string) => text.startsWith('wrote')), user],
      [[], 'bob'],
      again.stdout,
    )
    assert.ok(now > 0)
    assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
  })
})
