import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AgentPoolOptions } from '../../../src/agents/agent-pool-options.ts'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { IdleAgents } from '../../../src/daemon/idle-agents.ts'
import { Upkeep } from '../../../src/daemon/upkeep.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import { carryOutWith } from '../../support/command-context.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { until } from '../../support/wait.ts'

const MINUTE_MS = 60_000

function machine(t: TestContext, idle: object, options: Partial<AgentPoolOptions> = {}) {
  const it = shellAgents(t, options)
  const policy = PolicyFile.parse({ version: 1, idle })
  const { logger } = memoryLog()
  const open = (agents = it.agents) =>
    new IdleAgents({ agents, policy: () => policy, clock: it.clock, logger })
  const stateOf = (id: string) => it.agents.get(id).snapshot.state
  const prompt = (id: string, agents = it.agents) =>
    carryOutWith(agents, {
      type: 'agent:prompt',
      command_id: `prompt-${id}-${agents.get(id).run.run}`,
      agent_id: id,
      content: 'go on',
    })
  return { ...it, idle: open(), open, stateOf, prompt }
}

test('an agent that was idle for long enough is stopped, and its next prompt starts it again', async (t) => {
  const it = machine(t, { stop_after_min: 30 })
  assert.equal(await it.start('a', {}).result, 'started')
  it.clock.pass(29 * MINUTE_MS)
  it.idle.check()
  assert.equal(it.stateOf('a'), 'idle')
  it.clock.pass(MINUTE_MS)
  it.idle.check()
  await until(() => it.agents.get('a').status().exit?.detail)
  const { exit } = it.agents.get('a').status()
  assert.equal(exit?.reason, 'stopped')
  assert.equal(exit?.detail, 'It was idle for 30 minutes. Its next prompt starts it again.')
  await it.prompt('a')
  await until(() => it.agents.get('a').isReady)
  assert.equal(it.agents.get('a').run.run, 2)
  assert.equal(it.agents.get('a').status().undelivered_prompts, 1)
})

test('a prompt that arrives while an idle agent is being stopped starts the agent again', async (t) => {
  const it = machine(t, { stop_after_min: 1 })
  assert.equal(await it.start('a', {}).result, 'started')
  it.clock.pass(MINUTE_MS)
  it.slow()
  it.idle.check()
  await until(() => it.stateOf('a') === 'stopping')
  const prompted = it.prompt('a')
  it.goOn()
  await prompted
  await until(() => it.agents.get('a').isReady && it.agents.get('a').run.run === 2)
})

test('after a restart of the daemon, a prompt starts an agent that was stopped as idle, but not an agent that a person stopped', async (t) => {
  const it = machine(t, { stop_after_min: 1 })
  for (const id of ['resting', 'stopped']) assert.equal(await it.start(id, {}).result, 'started')
  it.clock.pass(MINUTE_MS)
  it.idle.check()
  await until(() => it.agents.get('resting').hasEnded && it.agents.get('stopped').hasEnded)
  await it.agents.stop(it.agents.get('stopped'), { commandId: 'stop' })
  it.agents.close()
  const next = it.again()
  await assert.rejects(it.prompt('stopped', next), { code: 'agent_not_running' })
  await it.prompt('resting', next)
  await until(() => next.get('resting').isReady)
})

test('if a prompt cannot start a stopped idle agent, the next prompt starts the agent', async (t) => {
  let fails = false
  const it = machine(
    t,
    { stop_after_min: 1 },
    {
      permit: (spec, _path, begun) => {
        if (fails && !begun) throw new CommandFailure('policy', 'Not now.')
        return { spec, inherits: () => true, startup: { isTrusted: () => true, others: 'ask' } }
      },
    },
  )
  assert.equal(await it.start('a', {}).result, 'started')
  it.clock.pass(MINUTE_MS)
  it.idle.check()
  await until(() => it.agents.get('a').hasRunEnded)
  fails = true
  await it.prompt('a')
  await until(() => it.agents.get('a').status().failure)
  fails = false
  await it.prompt('a')
  await until(() => it.agents.get('a').isReady)
  assert.equal(it.agents.get('a').status().undelivered_prompts, 2)
})

test('an agent that was stopped as idle is kept until its next prompt, no matter how late, but an agent that a command stopped is forgotten', async (t) => {
  const it = machine(t, { stop_after_min: 1 })
  for (const id of ['resting', 'stopped']) assert.equal(await it.start(id, {}).result, 'started')
  await it.agents.stop(it.agents.get('stopped'), { commandId: 'stop' })
  it.clock.pass(MINUTE_MS)
  it.idle.check()
  await until(() => it.agents.get('resting').hasEnded)
  it.clock.pass(30 * 24 * 60 * MINUTE_MS)
  for (const { id, snapshot } of it.agents) it.agents.get(id).acknowledge(snapshot.offset)
  const upkeep = new Upkeep({
    agents: it.agents,
    isConnected: () => false,
    journalCapBytes: 1e9,
    retainEndedDays: 7,
    clock: it.clock,
    logger: memoryLog().logger,
  })
  upkeep.start()
  t.after(() => upkeep.stop())
  it.clock.pass(3000)
  await until(() => it.agents.find('stopped') === undefined)
  assert.ok(it.agents.find('resting'))
})

test('if there are too many idle agents, the agents that have been idle longest are stopped', async (t) => {
  const it = machine(t, { keep: 1 })
  assert.equal(await it.start('first', {}).result, 'started')
  it.clock.pass(MINUTE_MS)
  assert.equal(await it.start('second', {}).result, 'started')
  it.idle.check()
  await until(() => it.agents.get('first').hasEnded)
  assert.equal(it.stateOf('second'), 'idle')
})

test('without a limit, no idle agent is stopped', async (t) => {
  const it = machine(t, {})
  assert.equal(await it.start('a', {}).result, 'started')
  it.clock.pass(1000 * MINUTE_MS)
  it.idle.check()
  assert.equal(it.stateOf('a'), 'idle')
})
