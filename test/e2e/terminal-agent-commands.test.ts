import assert from 'node:assert/strict'
import { test } from 'node:test'
import { desk, QUESTION } from '../support/desk.ts'

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
