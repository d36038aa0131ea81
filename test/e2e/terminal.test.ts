import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-script.ts'
import { freePort } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'

// These tests type commands on a real terminal, as a person would.

/** Opens a hub and a daemon in one terminal, and a second terminal for commands. */
async function desk(t: TestContext) {
  const { stage, api } = await claudeStage(t)
  const server = await Terminal.open(t, stage)
  await server.begin('fd up')
  const welcome = await server.shows(/Ctrl-C stops everything/)
  const terminal = await Terminal.open(t, stage)
  /** Writes a prompt to a file, because the model's script is too long to type. */
  const prompt = (name: string, ...script: Parameters<typeof mock>) => {
    writeFileSync(join(stage.cwd, name), `${name} ${mock(...script)}`)
    return `--prompt-file ${name}`
  }
  return { stage, api, server, terminal, welcome, prompt }
}

const QUESTION = {
  questions: [
    {
      question: 'Which licence?',
      header: 'Licence',
      multiSelect: false,
      options: [
        { label: 'MIT', description: 'short' },
        { label: 'Apache-2.0', description: 'long' },
      ],
    },
  ],
}

test('a first conversation works from `up` and `start` to answers and Ctrl-C', async (t) => {
  const { stage, api, server, terminal, welcome, prompt } = await desk(t)
  assert.match(
    welcome,
    /^Hub +http:\/\/127\.0\.0\.1:\d+\nMachine +\S+ connected .*\nRuntime +Claude Code [\d.]+ at/m,
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
    /> w MOCK[\s\S]*\* Let me see\.\n• Bash touch seen\n\? asks to use Bash[\s\S]*y yes, n no.*> $/,
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

test('separate commands start, answer, show, configure, and stop an agent', async (t) => {
  const { stage, terminal, prompt } = await desk(t)
  const run = async (command: string, expected: RegExp, code = 0) => {
    const shown = await terminal.run(`fd ${command}`)
    assert.match(shown.text, expected, command)
    assert.equal(shown.code, code, `${command}: ${shown.text}`)
  }
  const waits = (ask: string) => stage.agentIs('life', ({ pending }) => pending[0]?.ask === ask)

  await run(
    'machine list',
    /^ID +NAME +HOST +CONNECTED.*\n\S+ +\S+ +\S+ +for \d+ s .* claude [\d.]+\n {2}· Policy: none: .*\n$/,
  )
  await run('machine check', /claude [\d.]+/)
  await run('agent list', /^No agents\. Start one: /)
  await run(
    `agent start --id life --title "A life" ${prompt('one', [{ tool: 'Bash', input: { command: 'touch it' } }])}`,
    /^Agent life has started\./,
  )
  await waits('tool')
  await run('agent list', /^ID +STATE.*\nlife +waiting: Bash +\d+ s +\d+ .* A life\n$/)
  await terminal.begin('fd agent approve life')
  await terminal.shows(/\? asks to use Bash: touch it\n[\s\S]*Allow it\? y\/N> $/)
  await terminal.type('y')
  assert.match((await terminal.over()).text, /\nAllowed: Bash: touch it\n$/)
  await stage.eventually('life', 'turn_result')
  await run(
    `agent send life ${prompt('two', [{ tool: 'Bash', input: { command: 'touch that' } }])}`,
    /^Sent to life\./,
  )
  await waits('tool')
  await run('agent deny life --message "Not now"', /^Denied: Bash/)
  await stage.agentIs('life', 'idle')
  // This content is too long for the agent's status.
  const content = `${`${'x'.repeat(249)}\n`.repeat(100)}and the last`
  await run(
    `agent send life ${prompt('long', [{ tool: 'Write', input: { file_path: 'long.txt', content } }])}`,
    /Sent to life/,
  )
  await waits('tool')
  await run(
    'agent show life | grep -E "Write|the last|end of"',
    /use Write: \S*long.txt\n.*and the last\n.* lines\)/,
  )
  await run('agent deny life', /^Denied: Write/)
  await stage.agentIs('life', 'idle')
  await run(
    `agent send life ${prompt('three', [{ tool: 'AskUserQuestion', input: QUESTION }])}`,
    /Sent to life/,
  )
  await waits('question')
  await terminal.begin('fd agent answer life 1')
  await terminal.shows(/Which licence\?[\s\S]*Answer question 1 "Which licence\?": option 1 "MIT"\? y\/N> $/)
  await terminal.type('y')
  assert.match((await terminal.over()).text, /\nAnswered question 1 "Which licence\?": option 1 "MIT"\n$/)
  await stage.agentIs('life', 'idle')
  await run(`agent send life ${prompt('four', [{ text: 'word ', repeat: 2000, every: 20 }])}`, /Sent to life/)
  await stage.eventually('life', 'text_delta', ({ text }) => text.includes('word'))
  await run('agent interrupt life', /^Interrupted life/)
  await stage.agentIs('life', 'idle')
  await run('agent interrupt life', /^life is idle: there is nothing to interrupt/)
  await run(
    'agent configure life --model sonnet --permission-mode acceptEdits',
    /^life: model sonnet, permission mode acceptEdits\./,
  )
  await run('agent log life', /> one MOCK[\s\S]*Not now[\s\S]*MIT[\s\S]*word word/)
  await run('agent stop life', /^life has stopped/)
  await run('agent resume life', /^life is running again/)
  await run('agent remove life', /error: life is running.*\n +→ .*--force/, 4)
  await run('agent remove life --force', /^Removed life/)
  await run('agent list --json', /^\{"agents":\[\]\}\n$/)
})

test('`status`, `doctor`, `logs`, `restart`, and `stop` work for a daemon that runs in a terminal', async (t) => {
  const { server, terminal } = await desk(t)
  const status = await terminal.run('fd status')
  assert.equal(status.code, 0)
  assert.match(
    status.text,
    /^Daemon +[\d.]+, process \d+, running for .*\n[\s\S]*Server +ws:\S+ connected for .*, answers in \d+ ms/,
  )
  // On a terminal, `doctor` could ask about leftover processes of other tests on this machine.
  const doctor = await terminal.run('fd doctor </dev/null')
  assert.equal(doctor.code, 0)
  assert.match(
    doctor.text,
    /✓ Node [\s\S]*✓ The daemon sees: Claude Code [\d.]+ [\s\S]*✓ The daemon \(process \d+\) is connected to/,
  )
  assert.doesNotMatch(doctor.text, /✗/)
  await terminal.begin('fd logs -f -n 3')
  await terminal.shows(/info +connected/)

  const other = await terminal.screen()
  assert.doesNotMatch(other, /"level"/)
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)

  const pid = /process (\d+)/.exec(status.text)?.[1]
  const restart = await terminal.run('fd restart')
  assert.equal(restart.code, 0, restart.text)
  const again = await terminal.run('fd status')
  assert.match(again.text, /answers in/)
  assert.notEqual(/process (\d+)/.exec(again.text)?.[1], pid)
  const stop = await terminal.run('fd stop')
  assert.equal(stop.code, 0, stop.text)
  assert.equal((await server.over()).code, 0)
  const none = await terminal.run('fd status')
  assert.equal(none.code, 4)
  assert.match(none.text, /error: No daemon is running[\s\S]*→ Start a daemon with/)
})

test('hub and daemon run separately, each in a terminal', async (t) => {
  const { stage } = await claudeStage(t)
  const [hub, daemon, terminal] = [
    await Terminal.open(t, stage),
    await Terminal.open(t, stage),
    await Terminal.open(t, stage),
  ]
  const port = await freePort()
  await hub.begin(`fd hub --port ${port} --data-dir ${join(stage.dir, 'h')}`)
  await hub.shows(/Hub: +http.*\nMachine key: +\S+\nUser key: +\S+/)
  const flags = `--server-url ws://127.0.0.1:${port} --key-file ${join(stage.dir, 'h/machine.key')}`
  // Without a command, the program runs the default command.
  await daemon.begin(`fd ${flags}`)
  await daemon.shows(/info +connected/)
  const second = await terminal.run(`fd run ${flags}`)
  assert.equal(second.code, 4)
  const { pid } = JSON.parse(readFileSync(join(stage.state, 'lock'), 'utf8'))
  assert.match(second.text, new RegExp(`already running on this state folder: process ${pid}\\.`))
  const list = await terminal.run(
    `fd machine list --hub http://127.0.0.1:${port} --hub-key-file ${join(stage.dir, 'h/user.key')}`,
  )
  assert.match(list.text, /for \d+ s/)
  await hub.press('C-c')
  assert.equal((await hub.over()).code, 0)
  await daemon.shows(/warn +not connected/)
  await daemon.press('C-c')
  assert.equal((await daemon.over()).code, 0)
})

test('the help explains commands, and the error about a mistyped command has a suggestion', async (t) => {
  const { stage } = await claudeStage(t)
  const terminal = await Terminal.open(t, stage)
  const help = await terminal.run('fd --help')
  assert.equal(help.code, 0)
  assert.match(help.text, /Examples:\n[\s\S]*Environment:\n[\s\S]*Exit codes:\n/)
  assert.match((await terminal.run('fd agent start --help')).text, /--permission-mode <mode>[\s\S]*Examples:/)
  const slip = await terminal.run('fd agent strat')
  assert.equal(slip.code, 2)
  assert.match(slip.text, /error: unknown command 'strat'\n +→ Did you mean start\?/)
  assert.match((await terminal.run('fd --version')).text, /^\d+\.\d+\.\d+/)
})
