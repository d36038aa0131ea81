import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { desk, QUESTION } from '../support/desk.ts'
import { mock } from '../support/messages-script.ts'
import { until } from '../support/wait.ts'

test('a first conversation works from `up` and `start` to answers and Ctrl-C', async (t) => {
  const { stage, api, server, terminal, welcome, prompt } = await desk(t)
  assert.match(
    welcome,
    /^Hub +http:\/\/127\.0\.0\.1:\d+\nConsole +http:\/\/127\.0\.0\.1:\d+\/\nMachine +\S+ connected .*\nRuntime +Claude Code [\d.]+ at/m,
  )
  assert.match(welcome, /Next, in another terminal:\n.* agent start --cwd/)

  const script = prompt(
    'tour',
    [{ tool: 'Bash', input: { command: 'touch yes', description: 'make it' } }],
    [{ tool: 'Bash', input: { command: 'touch no', description: 'make it' } }],
    [{ tool: 'AskUserQuestion', input: QUESTION }],
    [{ text: 'All done.' }],
  )
  await terminal.begin(`fd agent start --id tour --wait ${script}`)
  await terminal.shows(/\? asks to use Bash: touch yes\n[\s\S]*y yes, n no.*> $/)
  await terminal.type('y')
  await terminal.shows(/\? asks to use Bash: touch no\n[\s\S]*y yes, n no.*> $/)
  await terminal.type('rather not')
  await terminal.shows(/\? Licence: Which licence\?\n +1\. MIT - short\n +2\. Apache-2\.0 - long\n.*> $/)
  await terminal.type('7')
  await terminal.shows(/There is no option 7\. [\s\S]*> $/)
  await terminal.type('2')
  const { code, text } = await terminal.over()
  assert.equal(code, 0)
  assert.match(text, /"Which licence\?"="Apache-2\.0"[\s\S]*All done\.\n✓ done \(\d+ turns/)
  assert.match(text, /rather not/)
  assert.ok(existsSync(join(stage.cwd, 'yes')) && !existsSync(join(stage.cwd, 'no')))
  assert.match(await terminal.screen(true), /\x1b\[32m✓ done/)

  // A planning agent writes its plan to a file that Claude Code names.
  await terminal.run('fd agent configure tour --permission-mode plan')
  await terminal.run('fd agent send tour --wait "Plan it"')
  const file_path = /[^"\s]+\/\.claude\/plans\/[\w-]+\.md/.exec(JSON.stringify(api.requests.at(-1)))?.[0]
  const plan = prompt(
    'plan',
    [{ tool: 'Write', input: { file_path, content: '1. Read\n2. Write' } }],
    [{ tool: 'ExitPlanMode', input: {} }],
    [{ text: 'Planned.' }],
  )
  await terminal.begin(`fd agent send tour --wait ${plan}`)
  await terminal.shows(/\? asks to approve its plan:\n +1\. Read\n +2\. Write\n +planFilePath: .*\n.*> $/)
  await terminal.type('y')
  assert.match((await terminal.over()).text, /Planned\.\n✓ done/)

  // Ctrl-C ends the wait, but not the agent's turn.
  await terminal.begin(
    `fd agent send tour --wait ${prompt('slow', [{ text: 'word ', repeat: 2000, every: 20 }])}`,
  )
  await terminal.shows(/word word/)
  await terminal.press('C-c')
  const left = await terminal.over()
  assert.equal(left.code, 130)
  assert.match(left.text, /The agent keeps working. To follow the agent: fomular-daemon agent watch tour/)
  assert.equal((await stage.agent('tour')).state, 'working')

  await server.press('C-c')
  const ended = await server.over()
  assert.equal(ended.code, 0)
  assert.match(ended.text, /\^CStopping the agents/)
  await until(() => stage.agentProcesses('tour').length === 0)
})

test('`watch` shows a conversation and accepts answers, and Ctrl-C does not stop the agent', async (t) => {
  const { stage, terminal, prompt } = await desk(t)
  const start = await terminal.run(
    `fd agent start --id watched ${prompt(
      'w',
      [{ thinking: 'Let me see.' }, { tool: 'Bash', input: { command: 'touch seen', description: 'see' } }],
      [{ text: 'Seen.' }],
    )}`,
  )
  assert.equal(start.code, 0)
  assert.match(start.text, /Agent watched has started\.\n +fomular-daemon agent watch watched/)
  await terminal.begin('fd agent watch wat')
  await terminal.shows(
    /> w MOCK[\s\S]*\* Let me see\.\n• Bash \$ touch seen\n\? asks to use Bash[\s\S]*y yes, n no.*> $/,
  )
  assert.match(await terminal.screen(true), /\x1b\[1m.*\? asks to use Bash/)
  // A mistyped key does not answer the question.
  await terminal.type('x')
  await terminal.shows(/> x\n +Type y, n.* or a sentence\.\n.*> $/)
  await terminal.type('yes')
  await terminal.shows(/Seen\.\n✓ done/)
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)
  assert.equal((await stage.agent('watched')).state, 'idle')
  assert.ok(existsSync(join(stage.cwd, 'seen')))
})

test('`watch` removes a question that was answered elsewhere', async (t) => {
  const { stage, terminal, prompt } = await desk(t)
  await terminal.run(
    `fd agent start --id shared ${prompt('s', [{ tool: 'Bash', input: { command: 'touch it' } }], [{ text: 'on' }])}`,
  )
  await terminal.begin('fd agent watch shared')
  await terminal.shows(/y yes, n no.*> $/)
  const { pending } = await stage.agentIs('shared', 'waiting')
  await stage.command('shared', 'permission', { request_id: pending[0]!.request_id, decision: 'allow' })
  await terminal.shows(/\(no longer asked\)[\s\S]*on\n✓ done/)
  // Ctrl-D at a question does not answer the question, and the request stays open.
  await stage.command('shared', 'prompt', {
    content: mock([{ tool: 'Bash', input: { command: 'touch later' } }]),
  })
  await terminal.shows(/\? asks to use Bash: touch later[\s\S]*> $/)
  await terminal.press('C-d')
  await stage.agentIs('shared', 'waiting')
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)
  assert.equal((await stage.agent('shared')).pending.length, 1)
})
