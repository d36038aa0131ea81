import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { claudeStage } from '../../support/claude-stage.ts'
import { journalEvents, merged } from '../../support/journal.ts'
import { mock } from '../../support/messages-script.ts'

const QUESTION = {
  question: 'Which color?',
  header: 'Color',
  multiSelect: false,
  options: [
    { label: 'Red', description: 'r' },
    { label: 'Blue', description: 'b' },
  ],
}

test('five agents survive ten kills of their daemon during a turn', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  let daemon = await stage.daemon()
  const bash = (command: string) => ({ tool: 'Bash', input: { command, description: 'work' } })
  const start = (...steps: Parameters<typeof mock>) => stage.start({ prompt: mock(...steps) })
  const [speaking, thinking, running, asking, questioning] = await Promise.all([
    start([{ text: 'word ', repeat: 20_000, every: 20 }]),
    start([{ thinking: 'hm ', repeat: 20_000, every: 20 }, { text: 'so' }]),
    stage.start({
      permission_mode: 'bypassPermissions',
      prompt: mock([bash('while [ ! -e go ]; do sleep 0.1; done; echo ran >> ran.txt')], [{ text: 'ran' }]),
    }),
    start([bash('echo allowed >> allowed.txt')], [{ text: 'allowed' }]),
    start([{ tool: 'AskUserQuestion', input: { questions: [QUESTION] } }], [{ text: 'thanks' }]),
  ])
  const agents = [speaking, thinking, running, asking, questioning]
  const [permission, question] = await Promise.all([
    stage.eventually(asking, 'permission_request'),
    stage.eventually(questioning, 'permission_request'),
    stage.eventually(running, 'tool_use'),
    stage.eventually(speaking, 'text_delta'),
    stage.eventually(thinking, 'thinking_delta'),
  ])
  const pids = await Promise.all(agents.map(async (agent) => (await stage.agent(agent)).pid))

  for (let i = 0; i < 10; i++) {
    const streamed = Promise.all([speaking, thinking].map(async (agent) => (await stage.agent(agent)).offset))
    daemon.kill('SIGKILL')
    await daemon.ended
    daemon = await stage.daemon()
    const before = await streamed
    for (const [n, agent] of [speaking, thinking].entries())
      await stage.agentIs(agent, ({ offset, state }) => state === 'working' && offset > before[n]!)
    await stage.agentIs(running, 'working')
    for (const [agent, { request_id }] of [
      [asking, permission],
      [questioning, question],
    ] as const) {
      const { pending } = await stage.agentIs(agent, 'waiting')
      assert.deepEqual(
        pending.map((request) => request.request_id),
        [request_id],
      )
    }
  }

  const allow = () =>
    stage.command(asking, 'permission', {
      command_id: 'allow',
      request_id: permission.request_id,
      decision: 'allow',
    })
  assert.equal((await allow()).state, 'succeeded')
  assert.equal((await allow()).state, 'succeeded')
  const answers = { 'Which color?': 'Blue' }
  const answered = { request_id: question.request_id, answers }
  assert.equal((await stage.command(questioning, 'answer', answered)).state, 'succeeded')
  writeFileSync(join(stage.cwd, 'go'), '')
  for (const agent of [speaking, thinking])
    assert.equal((await stage.command(agent, 'interrupt')).state, 'succeeded')
  for (const [i, agent] of agents.entries()) {
    await stage.eventually(agent, 'turn_result')
    const idle = await stage.agentIs(agent, ({ state, offset, end }) => state === 'idle' && offset >= end)
    assert.deepEqual([idle.pid, idle.run], [pids[i], 1])
    assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
  }
  for (const name of ['ran', 'allowed'])
    assert.equal(readFileSync(join(stage.cwd, `${name}.txt`), 'utf8'), `${name}\n`)
})
