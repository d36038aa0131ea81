import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { INSTALL_SYSTEM, type MachineOptions, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const AGENTS = '/var/lib/fomular-daemon/agents'

const MACHINES: [string, MachineOptions][] = [
  ['Debian 12', {}],
  ['Debian 13 with version 2 of control groups', { release: 'trixie', unified: true }],
]

for (const [name, options] of MACHINES)
  test(`on ${name}, a service of an ordinary user ends the processes that an agent has detached, even after restarts of the daemon`, async (t) => {
    const on = await serviceMachine(t, options)
    const { machine, daemon, at } = on
    const installed = await daemon(INSTALL_SYSTEM)
    assert.equal(installed.code, 0, installed.stderr)
    const agent = await on.startAgent('--prompt', 'run (setsid env -i sleep 7001 &) ; sleep 7002')
    const search = ['sh', '-c', 'grep -lsx sleep /proc/[0-9]*/comm | cut -d / -f 3']
    const sleeps = async () => (await machine.run(search)).stdout.split('\n').filter(Boolean)
    await until(async () => (await sleeps()).length === 2, { what: 'the programs of the agent' })
    const { group } = JSON.parse(readFileSync(at(`${AGENTS}/${agent}/run.json`), 'utf8')) as {
      group?: string
    }
    const groups = await machine.out(['cat', ...(await sleeps()).map((pid) => `/proc/${pid}/cgroup`)])
    t.diagnostic(`${group}: ${groups}`)

    // systemd starts the daemon in a group alongside the groups of its agents, even after a crash.
    let now = await on.status()
    for (const end of [['service', 'restart'], undefined]) {
      if (end) await daemon(end)
      else await on.kill('KILL', now.pid)
      now = await on.renewed(now)
      assert.equal((await on.agentIs(agent, 'idle')).run, 1)
    }
    assert.equal((await sleeps()).length, 2)

    await on.stopAgent(agent)
    assert.deepEqual(await sleeps(), group ? [] : ['x'])
    assert.ok(group === undefined || !existsSync(at(group)))
  })
