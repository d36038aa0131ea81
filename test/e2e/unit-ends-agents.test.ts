import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { handwrittenUnit } from '../support/handwritten-unit.ts'
import { HUB, MACHINE_KEY, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

/** A unit as a user would write it, with the address and the key of the test's machine. */
const sample = (key: string, user = 'fomular', home = '/home/fomular') => `[Unit]
Description=FomularOS daemon

[Service]
Type=simple
User=${user}
ExecStart=${home}/.fomular/bin/fomular-daemon --server-url ws://127.0.0.1:3001 --key \${MACHINE_KEY}
Environment=MACHINE_KEY=${key}
Environment=FOMULAR_DAEMON_NO_SELF_RELAUNCH=1
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`

test('if a unit ends agents together with the daemon, the daemon reports this, and its agents are resumed or run in scopes', async (t) => {
  const on = await serviceMachine(t)
  const key = readFileSync(on.at(MACHINE_KEY), 'utf8').trim()
  const unit = await handwrittenUnit(on, { user: 'fomular', text: sample(key) })
  const { machine } = on

  await t.test('the daemon reports that its unit ends agents, and how to change the unit', async () => {
    const status = await until(async () => {
      const { agents_end, machine } = await unit.status()
      return (
        agents_end && machine.problems.some(({ code }) => code === 'agents_end_with_daemon') && agents_end
      )
    })
    assert.match(status.message, /^The unit fomular ends the agents in it .*KillMode=control-group/)
    assert.match(status.remedy, /systemctl edit fomular .*\[Service\].*KillMode=process/)
    const { stdout } = await unit.daemon(['status'])
    assert.match(stdout, /The unit fomular ends .*\n.*KillMode=process/)
    assert.match(await unit.log(), /The unit fomular ends the agents/)
  })

  const idle = await unit.agent()
  const forgetful = await unit.agent()
  const eager = await unit.agent('--restart', 'never', '--resume-turn')
  const queueing = await unit.agent()
  for (const agent of [forgetful, eager, queueing]) {
    await unit.prompt(agent, 'hang')
    await on.agentIs(agent, 'working')
  }
  await unit.prompt(queueing, 'what waited')
  const asking = await unit.agent()
  await unit.prompt(asking, 'ask')
  await on.agentIs(asking, 'waiting')
  const stubborn = await unit.agent()
  await unit.prompt(stubborn, 'deaf')
  await on.agentIs(stubborn, 'working')
  const all = [idle, forgetful, eager, queueing, asking, stubborn]
  const before = await Promise.all(all.map((agent) => on.agent(agent)))

  await t.test(
    'a restart stops agents and resumes their sessions, and repeats a turn only if the agent’s spec requests that',
    async () => {
      const { stdout } = await unit.restarted()
      assert.match(
        stdout,
        /6 agents were stopped for the restart and will be resumed: a-.*, a-.*\. .*\n.*systemctl edit/,
      )
      for (const { agent_id, session_id } of before) {
        const now = await until(async () => {
          const found = await on.agent(agent_id)
          return found.run === 2 && found.state !== 'starting' && found
        })
        assert.equal(now.session_id, session_id)
      }
      assert.equal((await on.agentIs(idle, 'idle')).turn_interrupted, undefined)
      assert.match((await on.agentIs(forgetful, 'idle')).turn_interrupted ?? '', /the unit fomular/)
      assert.equal((await on.agentIs(eager, 'idle')).turn_interrupted, undefined)
      const environment = await machine.out(['cat', `/proc/${(await on.agent(eager)).pid}/environ`])
      assert.match(environment, /CLAUDE_CODE_RESUME_INTERRUPTED_TURN=1/)
      await unit.says(queueing, 'what waited')
      assert.deepEqual(await unit.prompts(queueing), ['hello', 'hang', 'what waited'])
      const asked = await on.agentIs(asking, 'idle')
      assert.deepEqual(asked.pending, [])
      assert.match(asked.turn_interrupted ?? '', /the unit fomular/)
      assert.match((await on.agentIs(stubborn, 'idle')).turn_interrupted ?? '', /the unit fomular/)
      for (const command of ['log', 'show']) {
        const { stdout } = await on.daemon(['agent', command, forgetful, ...HUB])
        assert.match(stdout, /Its turn was interrupted: .*the unit fomular/, command)
      }
      const log = await unit.log()
      assert.match(log, /the unit fomular would end agents: they are stopped/)
      assert.doesNotMatch(log, /the agents keep running/)
      // In all cases, each prompt was sent once.
      assert.deepEqual(await unit.prompts(forgetful), ['hello', 'hang'])
      await unit.prompt(forgetful, 'on')
      await unit.says(forgetful, 'on')
      assert.equal((await on.agentIs(forgetful, 'idle')).turn_interrupted, undefined)
    },
  )

  await t.test(
    'agents that are still starting or resuming lose nothing in two restarts in a row',
    async () => {
      const young = await on.startAgent('--prompt', 'early')
      await unit.restarted()
      await unit.restarted()
      for (const agent of [...all, young]) await on.agentIs(agent, 'idle')
      await unit.says(young, 'early')
      assert.deepEqual(await unit.prompts(young), ['early'])
      assert.match((await on.agent(asking)).turn_interrupted ?? '', /the unit fomular/)
      assert.deepEqual(await unit.prompts(asking), ['hello', 'ask'])
    },
  )

  await t.test(
    '`systemctl restart` ends agents with the daemon, and the next daemon resumes them',
    async () => {
      const { pid } = await unit.status()
      const runs = await Promise.all(all.map(async (id) => (await on.agent(id)).run))
      await unit.prompt(eager, 'hang')
      await on.agentIs(eager, 'working')
      await machine.out(['systemctl', 'restart', 'fomular'])
      await unit.renewed(pid)
      for (const [nth, id] of all.entries()) {
        const now = await until(async () => {
          const found = await on.agent(id)
          return found.run > runs[nth]! && found.state !== 'starting' && found
        })
        assert.equal(now.session_id, before[nth]?.session_id)
        await on.agentIs(id, 'idle')
      }
      assert.deepEqual(await unit.prompts(eager), ['hello', 'hang', 'hang'])
      assert.match(await unit.log(), /systemd restarts the unit/)
    },
  )

  await t.test('after a crash, the restart policy applies, and the exit detail names the unit', async () => {
    const asked = await unit.agent('--restart', 'on-loss')
    const { pid } = await unit.status()
    await on.kill('KILL', pid)
    await unit.renewed(pid)
    const gone = await until(async () => {
      const found = await on.agent(idle)
      return found.exit?.detail !== undefined && found
    })
    assert.equal(gone.exit?.reason, 'killed')
    assert.match(gone.exit?.detail ?? '', /unit fomular/)
    await until(async () => (await on.agent(asked)).run === 2)
    await on.agentIs(asked, 'idle')
  })

  await t.test(
    'agents count as stopped if `systemctl stop` ends them, and the next start does not resume them',
    async () => {
      const asked = await unit.agent('--restart', 'on-loss')
      await machine.out(['systemctl', 'stop', 'fomular'])
      assert.equal((await on.agent(asked)).exit?.reason, 'stopped')
      await machine.out(['systemctl', 'start', 'fomular'])
      await unit.renewed(0)
      assert.equal((await on.agent(asked)).state, 'exited')
    },
  )

  await t.test(
    'the daemon detects that its unit ends agents, even if a shell starts the daemon and systemctl fails',
    async () => {
      on.write('/opt/no-bus/systemctl', '#!/bin/sh\necho Failed to connect to bus >&2\nexit 1\n')
      await machine.out(['chmod', '755', '/opt/no-bus', '/opt/no-bus/systemctl'])
      on.write(
        '/etc/systemd/system/fomular.service.d/shell.conf',
        `[Service]
Environment=PATH=/opt/no-bus:/usr/local/bin:/usr/bin:/bin
UnsetEnvironment=FOMULAR_DAEMON_NO_SELF_RELAUNCH
ExecStart=
ExecStart=/bin/sh -c '/home/fomular/.fomular/bin/fomular-daemon --server-url ws://127.0.0.1:3001 --key "$MACHINE_KEY"; exit $?'
`,
      )
      await machine.out(['systemctl', 'daemon-reload'])
      const { pid } = await unit.status()
      await machine.out(['systemctl', 'restart', 'fomular'])
      await unit.renewed(pid)
      const agent = await unit.agent()
      assert.match((await unit.status()).agents_end?.message ?? '', /KillMode=control-group/)
      const { stdout } = await unit.restarted()
      assert.match(stdout, new RegExp(`1 agent was stopped for the restart and will be resumed: ${agent}`))
      await until(async () => (await on.agent(agent)).run === 2)
      await on.agentIs(agent, 'idle')
      await machine.out(['rm', '/etc/systemd/system/fomular.service.d/shell.conf'])
      await machine.out(['systemctl', 'daemon-reload'])
      const old = (await unit.status()).pid
      await machine.out(['systemctl', 'restart', 'fomular'])
      await unit.renewed(old)
    },
  )

  await t.test(
    'agents run in systemd scopes if the daemon’s user may create scopes, and earlier agents are resumed',
    async () => {
      const older = await unit.agent()
      await machine.out(['loginctl', 'enable-linger', 'fomular'])
      const own = '/run/user/1001/systemd/private'
      await until(async () => (await machine.run(['test', '-S', own])).code === 0)
      // A status request makes the daemon check again.
      await until(async () => (await unit.status()).agents_end?.shelter !== undefined)
      const sheltered = await unit.agent()
      const { pid } = await on.agent(sheltered)
      assert.match(await machine.out(['cat', `/proc/${pid}/cgroup`]), /fomular-agent-[^/]*\.scope/)
      const clean = await machine.out(['cat', `/proc/${pid}/environ`])
      assert.doesNotMatch(clean, /INVOCATION_ID|XDG_RUNTIME_DIR/)
      assert.deepEqual((await unit.status()).agents_end?.agents, [older])
      assert.match((await unit.daemon(['status'])).stdout, /keep running/)
      await unit.restarted()
      await until(async () => (await on.agent(older)).run === 2)
      assert.deepEqual([(await on.agentIs(sheltered, 'idle')).pid, (await on.agent(sheltered)).run], [pid, 1])
      const daemon = (await unit.status()).pid
      await on.kill('KILL', daemon)
      await unit.renewed(daemon)
      assert.equal((await on.agentIs(sheltered, 'idle')).pid, pid)
      await unit.stopAgent(sheltered)
      const list = ['systemctl', '--user', 'list-units', '--all', '--no-legend', 'fomular-agent*']
      const user = { user: 'fomular', env: { XDG_RUNTIME_DIR: '/run/user/1001' } }
      const gone = async () => !(await machine.out(list, user)).includes(sheltered)
      await until(gone, { what: 'the end of the agent’s scope' })
    },
  )

  await t.test('after the two lines were added to the unit, agents survive restarts', async () => {
    await machine.out(['loginctl', 'disable-linger', 'fomular'])
    const agent = await unit.agent()
    on.write('/etc/systemd/system/fomular.service.d/override.conf', '[Service]\nKillMode=process\n')
    await machine.out(['systemctl', 'daemon-reload'])
    const { pid } = await on.agent(agent)
    const { stdout } = await unit.restarted()
    assert.doesNotMatch(stdout, /resumed/)
    assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
    assert.equal((await unit.status()).agents_end, undefined)

    const daemon = await unit.status()
    await machine.out(['systemctl', 'restart', 'fomular'])
    await unit.renewed(daemon.pid)
    assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
    await machine.out(['systemctl', 'stop', 'fomular'])
    assert.equal((await on.agentIs(agent, 'exited')).exit?.reason, 'stopped')
  })
})
