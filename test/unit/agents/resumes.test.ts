import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { until } from '../../support/wait.ts'

test('if two agents are resumed at once, only one of them gets the last place', async (t) => {
  const it = shellAgents(t, {
    permit: (spec, _path, begun) => {
      if (begun && begun.running >= 2) throw new CommandFailure('policy', 'Two agents run already.')
      return { spec, inherits: () => true, startup: { isTrusted: () => true, others: 'ask' } }
    },
  })
  for (const id of ['one', 'two']) {
    assert.equal(await it.start(id, {}).result, 'started')
    await it.agents.stop(it.agents.get(id), { commandId: `stop-${id}` })
  }
  assert.equal(await it.start('running', {}).result, 'started')
  const resumed = await Promise.allSettled(
    ['one', 'two'].map((id) => it.agents.resume(it.agents.get(id), `resume-${id}`)),
  )
  assert.deepEqual(resumed.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await until(() => ['one', 'two'].some((id) => it.agents.get(id).isReady && !it.agents.get(id).hasEnded))
})

test('while the folder of an agent is taken away, the agent is not started, and its restart policy does not start it later', async (t) => {
  const it = shellAgents(t)
  assert.equal(await it.start('one', { restart: { policy: 'on-loss', max_per_hour: 3 } }).result, 'started')
  const agent = it.agents.get('one')
  await assert.rejects(
    it.agents.withoutFolder(agent, async () => assert.fail('running')),
    { code: 'agent_running' },
  )
  await until(() => agent.process)
  process.kill(agent.process!.agent.pid, 'SIGKILL')
  await until(() => agent.returning)
  await it.agents.withoutFolder(agent, () =>
    assert.rejects(it.agents.resume(agent, 'resume'), { code: 'agent_running' }),
  )
  assert.equal(agent.returning, false)
  it.clock.pass(60_000)
  assert.equal(it.again().get('one').returning, false)
  assert.equal(agent.run.run, 1)
  await it.agents.resume(agent, 'later')
  assert.equal(agent.run.run, 2)
  await until(() => agent.isReady)
  await it.agents.stop(agent, { commandId: 'stop' })
})

test('a daemon that stops does not wait until the folder of an agent is taken away', async (t) => {
  const it = shellAgents(t)
  assert.equal(await it.start('one', {}).result, 'started')
  const agent = it.agents.get('one')
  await it.agents.stop(agent, { commandId: 'stop' })
  let finish = () => {}
  const taken = it.agents.withoutFolder(
    agent,
    () =>
      new Promise<void>((done) => {
        finish = done
      }),
  )
  await it.agents.settle()
  finish()
  await taken
})
