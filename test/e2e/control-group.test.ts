import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { groupFolder } from '../../src/platform/control-groups.ts'
import { delegatedGroup } from '../../src/service/delegated-group.ts'
import { detached } from '../support/detached.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'
import { WITHOUT_GROUPS } from '../support/without-groups.ts'

const groupOf = (stage: Stage, agent: string): string | undefined =>
  JSON.parse(readFileSync(join(stage.state, 'agents', agent, 'run.json'), 'utf8')).group

test('if the system permits control groups, a stop also ends programs that have left their parents, session, and environment', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start()
  const pids = await detached(t, stage, agent)
  const group = groupOf(stage, agent)
  assert.equal(group !== undefined, (await delegatedGroup(process.env)) !== undefined)
  const before = pids()
  if (group) for (const pid of before) assert.equal(groupFolder(pid), group)
  const { launcher, feeder } = JSON.parse(
    readFileSync(join(stage.state, 'agents', agent, 'process.json'), 'utf8'),
  )
  for (const { pid } of [launcher, feeder]) assert.notEqual(groupFolder(pid), group ?? '')
  assert.equal((await stage.command(agent, 'stop', { grace_s: 1 })).state, 'succeeded')
  // Without a group, nothing shows whose processes these are.
  assert.deepEqual(pids(), group ? [] : before)
  assert.ok(group === undefined || !existsSync(group))
})

test('the next daemon finds the programs of an agent that was killed while no daemon ran', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  const pids = await detached(t, stage, agent)
  const group = groupOf(stage, agent)
  const { pid } = await stage.agentIs(agent, 'idle')
  daemon.kill('SIGKILL')
  await daemon.ended
  process.kill(pid!, 'SIGKILL')
  const before = pids()
  await stage.daemon()
  await stage.agentIs(agent, 'exited')
  if (group) await until(() => pids().length === 0 && !existsSync(group), { what: 'the end of its programs' })
  else assert.deepEqual(pids(), before)
})

test('a machine without control groups starts an agent only if the policy demands no limit', async (t) => {
  const file = join(tempDir(t), 'policy.toml')
  const stage = await fakeStage(t, { FOMULAR_POLICY: file })
  await stage.hub()
  // Hide the control groups if this user has any.
  if ((await delegatedGroup(process.env)) !== undefined) stage.daemonCommand = [...WITHOUT_GROUPS, ...RUN]
  writeFileSync(file, 'version = 1\n')
  await stage.daemon()
  const agent = await stage.start()
  assert.equal(groupOf(stage, agent), undefined)
  writeFileSync(file, 'version = 1\n[resources]\ntasks_max = 100\n')
  await assert.rejects(stage.start(), (error: Error) => {
    assert.match(error.message, /"code":"policy"/)
    assert.match(error.message, /"path":"resources.tasks_max"/)
    return true
  })
  assert.equal((await stage.command(agent, 'stop', { grace_s: 1 })).state, 'succeeded')
})
