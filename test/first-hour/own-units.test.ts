// Needs: root, debootstrap, systemd-nspawn
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { handwrittenUnit } from '../support/handwritten-unit.ts'
import { MACHINE_KEY, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

test('agents survive a restart and a crash of the daemon if it runs under the unit from the documentation', async (t) => {
  const on = await serviceMachine(t)
  const page = readFileSync(new URL('../../src/service/README.md', import.meta.url), 'utf8')
  const [, text] = /```ini\n([\s\S]*?)```/.exec(page)!
  await on.machine.out(['useradd', '--create-home', 'fomular'])
  await on.machine.out(['mkdir', '-p', '/home/fomular/.fomular'], { user: 'fomular' })
  const key = '/home/fomular/.fomular/key'
  await on.machine.out(['install', '-m', '600', '-o', 'fomular', MACHINE_KEY, key])
  const unit = await handwrittenUnit(on, {
    user: 'fomular',
    text: text!.replace('wss://os.example.com', 'ws://127.0.0.1:3001'),
  })
  const agent = await unit.agent()
  const { pid } = await on.agent(agent)
  await unit.restarted()
  assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
  const daemon = (await unit.status()).pid
  await on.kill('KILL', daemon)
  await unit.renewed(daemon)
  assert.deepEqual([(await on.agentIs(agent, 'idle')).pid, (await on.agent(agent)).run], [pid, 1])
  assert.equal((await unit.status()).agents_end, undefined)
  assert.doesNotMatch(await unit.log(), /ends the agents/)
})

test('if the daemon’s unit runs as root and would kill agents, agents run in scopes; a scope ends with its agent', async (t) => {
  const on = await serviceMachine(t)
  const key = readFileSync(on.at(MACHINE_KEY), 'utf8').trim()
  const text = `[Service]
ExecStart=/root/.fomular/bin/fomular-daemon --server-url ws://127.0.0.1:3001 --key ${key}
Environment=HOME=/root
Environment=FOMULAR_DAEMON_NO_SELF_RELAUNCH=1
Restart=always
RestartSec=2
`
  const unit = await handwrittenUnit(on, { user: 'root', text })
  const agent = await unit.agent()
  const { pid } = await on.agent(agent)
  assert.match(
    await on.machine.out(['cat', `/proc/${pid}/cgroup`]),
    /\/system\.slice\/fomular-agent-.*\.scope/,
  )
  await unit.restarted()
  assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
  const daemon = (await unit.status()).pid
  await on.kill('KILL', daemon)
  await unit.renewed(daemon)
  assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
  await on.machine.out(['systemctl', 'stop', 'fomular'])
  assert.equal((await on.agent(agent)).exit?.reason, 'stopped')
  const scopes = ['systemctl', 'list-units', '--all', '--no-legend', 'fomular-agent*']
  await until(async () => (await on.machine.out(scopes)).trim() === '', { what: 'no scope' })
})
