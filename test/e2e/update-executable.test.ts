// Needs: root
import assert from 'node:assert/strict'
import { existsSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Installation } from '../support/installation.ts'
import { FAULT, TestRegistry } from '../support/registry.ts'

const registry = await TestRegistry.shared()
for (const version of ['1.0.0', '1.2.0', '1.1.0']) {
  const tag = version === '1.2.0' ? 'next' : 'latest'
  await registry.release({ version, tag })
  await registry.releaseExecutable({ version, tag })
}
for (const name of ['crash', 'broken'] as const) {
  await registry.release({ version: `2.0.0-${name}`, tag: name })
  await registry.releaseExecutable({ version: `2.0.0-${name}`, tag: name, before: FAULT[name] })
}
await registry.release({ version: '3.0.0', tag: 'elsewhere' })

for (const npm of ['with npm', 'without npm'])
  test(`an executable ${npm} updates itself twice from the package for its system`, async (t) => {
    const machine = await Installation.open(t, registry, { asExecutable: true })
    const { stage } = machine
    if (npm === 'without npm') stage.env.PATH = join(stage.dir, 'no-such-folder')
    // The agents need the system's programs.
    stage.env.PATH += ':/bin'
    await machine.start()
    const agent = await stage.start()
    const { pid } = await stage.agent(agent)
    for (const version of ['1.1.0', 'next']) {
      const outcome = await machine.order(version)
      assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
      assert.deepEqual([outcome.result?.mode, outcome.result?.path], ['global', machine.command])
    }
    await machine.runs('1.2.0')
    assert.equal(readlinkSync(join(machine.prefix, 'current')), 'versions/1.2.0')
    assert.equal(await machine.version(), '1.2.0')
    assert.equal((await stage.agent(agent)).pid, pid)
    assert.deepEqual(machine.daemons(), [machine.daemon?.pid])
  })

test('an update to an executable that crashes is undone, and an executable that cannot run is not installed', async (t) => {
  const machine = await Installation.open(t, registry, { asExecutable: true })
  await machine.start()
  const { pid } = machine.daemon!
  const broken = await machine.order('broken')
  assert.equal(broken.error?.code, 'update_unproven', JSON.stringify(broken))
  const elsewhere = await machine.order('elsewhere')
  assert.equal(elsewhere.error?.code, 'update_version_not_found', JSON.stringify(elsewhere))
  assert.equal(machine.daemon?.pid, pid)
  const crashed = await machine.order('crash')
  assert.equal(crashed.error?.code, 'update_crashed', JSON.stringify(crashed))
  await machine.runs('1.0.0')
  assert.equal(await machine.version(), '1.0.0')
  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
  await machine.runs('1.1.0')
})

test('an executable under a supervisor updates itself', async (t) => {
  const machine = await Installation.open(t, registry, { asExecutable: true })
  await machine.hub()
  const supervisor = machine.supervise()
  await machine.runs('1.0.0')
  const outcome = await machine.order('latest')
  assert.equal(outcome.result?.restart_strategy, 'supervisor_required', JSON.stringify(outcome))
  await machine.runs('1.1.0')
  const again = await machine.order('next')
  assert.equal(again.state, 'succeeded', JSON.stringify(again))
  await machine.runs('1.2.0')
  assert.ok(!existsSync(join(machine.stage.state, 'update.starts')))
  await supervisor.stop()
})

test('if an unprivileged user runs an executable of root, later starts of the executable run the new version', async (t) => {
  const machine = await Installation.open(t, registry, { asExecutable: true, withoutRights: true })
  await machine.hub()
  const supervisor = machine.supervise()
  await machine.runs('1.0.0')
  const outcome = await machine.order('1.1.0')
  assert.equal(outcome.state, 'succeeded', JSON.stringify(outcome))
  assert.deepEqual([outcome.result?.mode, outcome.result?.path], ['user-prefix', machine.userCommand])
  await machine.runs('1.1.0')
  await supervisor.stop()
  assert.deepEqual(supervisor.exits, [75, 0])
})
