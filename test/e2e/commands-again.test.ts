import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentStatus } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { type Caller, LightServer } from '../support/light-server.ts'
import { until } from '../support/wait.ts'

// A server repeats an unanswered command. The daemon may have carried out the command, but ended before it
// recorded the answer. These tests simulate that by deleting the ledger.

const agent_id = 'again'

async function give(caller: Caller, type: string, command_id: string, body: object = {}) {
  const before = caller.frames.length
  caller.send({ type, command_id, agent_id, ...body })
  return until(() => caller.frames.slice(before).find((frame) => frame.command_id === command_id), {
    what: `the result of ${type}`,
  })
}

test('repeated stops and resumes do not affect later runs', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  const first = server.daemon(stage)
  const caller = await server.caller()
  await caller.welcome()
  await give(caller, 'agent:start', 'start', { spec: { cwd: stage.cwd } })
  await give(caller, 'agent:stop', 'stop-1')
  assert.equal((await give(caller, 'agent:resume', 'resume-1')).run, 2)
  await give(caller, 'agent:stop', 'stop-2')
  assert.equal((await give(caller, 'agent:resume', 'resume-2')).run, 3)
  first.kill('SIGKILL')
  await first.ended
  rmSync(join(stage.state, 'ledger.jsonl'))

  server.daemon(stage)
  const again = await server.caller(2)
  const { agents } = (await again.welcome()) as unknown as { agents: AgentStatus[] }
  const status = () => (again.ofType('agent:status').at(-1) ?? agents[0]) as unknown as AgentStatus
  for (const id of ['stop-1', 'resume-1', 'stop-2', 'resume-2'])
    assert.equal((await give(again, `agent:${id.slice(0, -2)}`, id)).ok, true, id)
  await again.settled()
  assert.deepEqual([status().run, status().state, status().pid], [3, 'idle', agents[0]?.pid])
  // The daemon still carries out new commands.
  await give(again, 'agent:stop', 'stop-3')
  assert.equal((await give(again, 'agent:resume', 'resume-1')).ok, true)
  await again.settled()
  assert.equal(status().state, 'exited')
})

test('an agent that is being stopped accepts no answer to its request, because its session has ended', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  server.daemon(stage)
  const caller = await server.caller()
  await caller.welcome()
  const { pid } = await give(caller, 'agent:start', 'start', { spec: { cwd: stage.cwd, prompt: 'ask' } })
  const asking = () => caller.ofType('agent:status').at(-1) as unknown as AgentStatus | undefined
  await until(() => asking()?.pending.length, { what: 'a request' })
  const { request_id } = asking()!.pending[0]!
  // The agent is paused, so the stop takes a while.
  process.kill(Number(pid), 'SIGSTOP')
  caller.send({ type: 'agent:stop', command_id: 'stop', agent_id, grace_s: 1 })
  const answered = await give(caller, 'agent:permission', 'answer', { request_id, decision: 'allow' })
  assert.equal((answered.error as { code: string }).code, 'agent_not_running')
  await until(() => caller.frames.some(({ command_id }) => command_id === 'stop'), { what: 'the stop' })
})

test('an interrupt reports whether it interrupted anything, and a repeated interrupt returns the same answer', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  await stage.agentIs(agent, 'idle')
  const interrupt = async (command_id: string) => {
    const outcome = await stage.command(agent, 'interrupt', { command_id })
    assert.equal(outcome.state, 'succeeded')
    return outcome.result
  }
  assert.deepEqual(await interrupt('i1'), { idle: true })
  await stage.command(agent, 'prompt', { content: 'hang' })
  await stage.agentIs(agent, 'working')
  assert.deepEqual(await interrupt('i2'), {})
  await stage.eventually(agent, 'turn_result', ({ interrupted }) => interrupted === true)
  await stage.agentIs(agent, 'idle')
  assert.deepEqual(await interrupt('i2'), {})
})

test('if the answers to a prompt and its withdrawal are lost, repeats give the same answers, and the agent gets nothing', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  const first = server.daemon(stage)
  const caller = await server.caller()
  await caller.welcome()
  await give(caller, 'agent:start', 'start', { spec: { cwd: stage.cwd, prompt: 'hang' } })
  const status = (of: Caller) => of.ofType('agent:status').at(-1) as unknown as AgentStatus | undefined
  await until(() => status(caller)?.state === 'working', { what: 'the turn' })
  const { prompt_id } = await give(caller, 'agent:prompt', 'prompt', { content: 'not this' })
  assert.equal((await give(caller, 'agent:withdraw', 'withdraw', { prompt_id })).ok, true)
  first.kill('SIGKILL')
  await first.ended
  rmSync(join(stage.state, 'ledger.jsonl'))

  server.daemon(stage)
  const again = await server.caller(2)
  await again.welcome()
  assert.equal((await give(again, 'agent:prompt', 'prompt', { content: 'not this' })).prompt_id, prompt_id)
  assert.equal((await give(again, 'agent:withdraw', 'withdraw', { prompt_id })).ok, true)
  await give(again, 'agent:interrupt', 'interrupt')
  await until(() => status(again)?.state === 'idle', { what: 'the end of the turn' })
  assert.equal(status(again)?.undelivered_prompts, 0)
  const read = [...caller.ofType('agent:activity'), ...again.ofType('agent:activity')]
  assert.doesNotMatch(JSON.stringify(read), /not this/)
})
