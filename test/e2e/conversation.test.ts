import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Event } from '../../src/protocol/index.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { journalEvents, merged } from '../support/journal.ts'
import { mock } from '../support/messages-script.ts'
import { prompt, turnOf } from '../support/turns.ts'

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const texts = (events: Event[]) => events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))

test('two turns in one process reach the hub completely, once and in order', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({
    prompt: `one ${mock([{ thinking: 'hm' }, { text: 'first' }])}`,
    title: 'a title',
  })
  await stage.eventually(agent, 'turn_result')
  const second = await prompt(stage, agent, `two ${mock([{ text: 'second' }])}`)
  const result = await turnOf(stage, agent, second)
  assert.equal(result.outcome, 'success')
  assert.equal(result.is_error, false)
  assert.equal(result.text, 'second')

  const idle = await stage.agentIs(agent, 'idle')
  assert.equal(idle.run, 1)
  assert.equal(idle.title, 'a title')
  assert.equal(idle.undelivered_prompts, 0)
  const events = await stage.events(agent)
  assert.deepEqual(texts(events), ['first', 'second'])
  assert.ok(events.some(({ kind }) => kind === 'thinking'))
  assert.ok(events.some(({ kind }) => kind === 'text_delta'))
  assert.equal(events.filter(({ kind }) => kind === 'process_started').length, 1)
  await stage.agentIs(agent, ({ offset, end }) => offset >= end)
  assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
})

test('a tool use is allowed, and another is denied', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const touch = (name: string) => ({
    tool: 'Bash',
    input: { command: `touch ${name}`, description: 'make a file' },
  })
  const agent = await stage.start({ prompt: mock([touch('yes.txt')], [{ text: 'made' }]) })
  const asked = await stage.eventually(agent, 'permission_request')
  assert.equal(asked.ask, 'tool')
  assert.equal(asked.tool, 'Bash')
  const waiting = await stage.agentIs(agent, 'waiting')
  assert.deepEqual(
    waiting.pending.map(({ request_id }) => request_id),
    [asked.request_id],
  )
  const decide = (request_id: string, rest: object) =>
    stage.command(agent, 'permission', { request_id, ...rest })
  assert.equal((await decide(asked.request_id, { decision: 'allow' })).state, 'succeeded')
  await stage.eventually(agent, 'turn_result')
  assert.ok(existsSync(join(stage.cwd, 'yes.txt')))
  const idle = await stage.agentIs(agent, 'idle')
  assert.deepEqual(idle.pending, [])

  const late = await decide(asked.request_id, { decision: 'deny' })
  assert.equal(late.error?.code, 'request_not_pending')

  const second = await prompt(stage, agent, mock([touch('no.txt')], [{ text: 'not made' }]))
  const again = await stage.eventually(
    agent,
    'permission_request',
    ({ request_id }) => request_id !== asked.request_id,
  )
  await decide(again.request_id, { decision: 'deny', message: 'not in this house' })
  await turnOf(stage, agent, second)
  assert.ok(!existsSync(join(stage.cwd, 'no.txt')))
  const refusal = await stage.eventually(agent, 'tool_result', ({ is_error }) => is_error)
  assert.match(JSON.stringify(refusal.content), /not in this house/)
})

test('a question is answered, and a plan is approved', async (t) => {
  const { stage, api } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const question = {
    question: 'Which color?',
    header: 'Color',
    multiSelect: false,
    options: [
      { label: 'Red', description: 'r' },
      { label: 'Blue', description: 'b' },
    ],
  }
  const agent = await stage.start({
    prompt: mock([{ tool: 'AskUserQuestion', input: { questions: [question] } }], [{ text: 'thanks' }]),
  })
  const asked = await stage.eventually(agent, 'permission_request')
  assert.equal(asked.ask, 'question')
  assert.equal(asked.questions?.[0]?.question, 'Which color?')
  const { request_id } = asked
  const incomplete = await stage.command(agent, 'answer', { request_id, answers: {} })
  assert.equal(incomplete.error?.code, 'answers_incomplete')
  const allowed = await stage.command(agent, 'permission', { request_id, decision: 'allow' })
  assert.equal(allowed.error?.code, 'answers_incomplete')
  const answers = { 'Which color?': 'Blue' }
  const beside = { ...answers, 'Which size?': 'Large' }
  const unasked = await stage.command(agent, 'answer', { request_id, answers: beside })
  assert.equal(unasked.error?.code, 'invalid_command')
  assert.equal(unasked.error?.path, 'answers.Which size?')
  const answered = await stage.command(agent, 'answer', { request_id, answers })
  assert.equal(answered.state, 'succeeded')
  await stage.eventually(agent, 'turn_result')
  assert.match(JSON.stringify(api.requests.at(-1)), /Blue/)

  await stage.command(agent, 'configure', { permission_mode: 'plan' })
  const second = await prompt(stage, agent, mock([{ tool: 'ExitPlanMode', input: {} }], [{ text: 'on it' }]))
  const plan = await stage.eventually(agent, 'permission_request', ({ ask }) => ask === 'plan')
  await stage.command(agent, 'permission', { request_id: plan.request_id, decision: 'allow' })
  await turnOf(stage, agent, second)
})

test('an interrupt during a turn ends the turn but not the agent, and withdraws open requests', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ text: 'word ', repeat: 2000, every: 20 }]) })
  await stage.eventually(agent, 'text_delta')
  assert.equal((await stage.command(agent, 'interrupt')).state, 'succeeded')
  const result = await stage.eventually(agent, 'turn_result')
  assert.equal(result.outcome, 'error_during_execution')
  await stage.agentIs(agent, 'idle')

  const asked = await prompt(stage, agent, mock([{ tool: 'Bash', input: { command: 'touch x' } }]))
  const request = await stage.eventually(agent, 'permission_request')
  await stage.command(agent, 'interrupt')
  await stage.eventually(agent, 'permission_withdrawn', ({ request_id }) => request_id === request.request_id)
  await turnOf(stage, agent, asked)
  const idle = await stage.agentIs(agent, 'idle')
  assert.deepEqual(idle.pending, [])

  const after = await prompt(stage, agent, mock([{ text: 'still here' }]))
  assert.equal((await turnOf(stage, agent, after)).text, 'still here')
})

test('a working agent picks up a new prompt, and queued prompts can be canceled', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ text: 'word ', repeat: 60, every: 20 }]) })
  await stage.eventually(agent, 'text_delta')
  const behind = await prompt(stage, agent, mock([{ text: 'the second answer' }]))
  await stage.eventually(agent, 'text', ({ text }) => text === 'the second answer')
  await stage.eventually(
    agent,
    'prompt_state',
    ({ prompt_id, state }) => prompt_id === behind && state === 'completed',
  )
})

test('the model and the permission mode change during a run, and a refusal by the agent is reported', async (t) => {
  const { stage, api } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ model: 'claude-opus-5-5', permission_mode: 'default' })
  const changed = await stage.command(agent, 'configure', {
    model: 'claude-haiku-9',
    permission_mode: 'acceptEdits',
  })
  assert.equal(changed.state, 'succeeded')
  await stage.agentIs(
    agent,
    ({ model, permission_mode }) => model === 'claude-haiku-9' && permission_mode === 'acceptEdits',
  )
  const id = await prompt(stage, agent, mock([{ text: 'as another' }]))
  await turnOf(stage, agent, id)
  assert.match(JSON.stringify(api.requests.at(-1)), /claude-haiku-9/)
  const refused = await stage.command(agent, 'configure', { permission_mode: 'no-such-mode' })
  assert.equal(refused.error?.code, 'rejected_by_agent')
})

test('API errors are retried, and a persistent error becomes the result of the turn', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ error: 529, times: 1 }, { text: 'at last' }]) })
  const retry = await stage.eventually(agent, 'retry')
  assert.equal(retry.attempt, 1)
  assert.equal((await stage.eventually(agent, 'turn_result')).text, 'at last')
  const id = await prompt(stage, agent, mock([{ error: 400 }]))
  const failed = await turnOf(stage, agent, id)
  assert.equal(failed.is_error, true)
})

test('even a large image reaches the model whole', async (t) => {
  const { stage, api } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start()
  const image = (data: string) => ({ type: 'image', media_type: 'image/png', data })
  const id = await prompt(stage, agent, [{ type: 'text', text: mock([{ text: 'seen' }]) }, image(PIXEL)])
  assert.equal((await turnOf(stage, agent, id)).text, 'seen')
  assert.match(JSON.stringify(api.requests.at(-1)), new RegExp(PIXEL.slice(0, 40).replace(/\+/g, '\\+')))
  // The result is too long for the model, and the agent reports that. The test checks that the agent received
  // the whole result.
  const text = 'x'.repeat(5 * 1024 * 1024)
  const large = await prompt(stage, agent, text)
  const echo = await stage.eventually(agent, 'user', ({ prompt_id }) => prompt_id === large)
  assert.ok(echo.content === text)
})

test('a tool result of 4 MiB arrives in one piece', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const path = join(stage.cwd, 'big.txt')
  writeFileSync(path, 'old\n')
  const content = { repeat: 'y', times: 4 * 1024 * 1024 }
  const agent = await stage.start({
    permission_mode: 'bypassPermissions',
    prompt: mock(
      [{ tool: 'Write', input: { file_path: join(stage.cwd, 'new.txt'), content } }],
      [{ text: 'written' }],
    ),
  })
  await stage.eventually(agent, 'turn_result')
  const used = await stage.eventually(agent, 'tool_use')
  assert.equal((used.input.content as string).length, 4 * 1024 * 1024)
  await stage.agentIs(agent, ({ offset, end, state }) => state === 'idle' && offset >= end)
  assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
})
