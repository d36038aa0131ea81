import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-script.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a command as a user would, without a terminal. */
function cli(stage: Stage, args: string[], input = ''): Promise<Ran> & { stderr(): string } {
  const child = spawn(RUN[0], [...RUN.slice(1), ...args], { cwd: stage.cwd, env: stage.env })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => out.push(data))
  child.stderr.on('data', (data: Buffer) => err.push(data))
  child.stdin.end(input)
  const stderr = () => Buffer.concat(err).toString('utf8')
  const ran = new Promise<Ran>((resolve) =>
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString('utf8'), stderr: stderr() }),
    ),
  )
  return Object.assign(ran, { stderr })
}

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('`up` starts the hub and the daemon, prints the next step, refuses a second `up`, and ends when `stop` is run', async (t) => {
  const { stage } = await claudeStage(t)
  const up = stage.run(['up'])
  await until(() => up.log().includes('agent start'), { what: 'the welcome' })
  assert.match(up.log(), new RegExp(`Hub +http://127.0.0.1:${stage.port}\n`))
  assert.match(up.log(), /Machine +\S+ connected/)
  assert.match(up.log(), /Runtime +Claude Code \d+\.\d+\.\d+ at .+, logged in/)

  const status = await cli(stage, ['status', '--json'])
  assert.equal(status.code, 0, status.stderr)
  const { link, pid, server_hears_ms } = JSON.parse(status.stdout)
  assert.equal(link.state, 'live')
  assert.equal(pid, up.pid)
  assert.equal(typeof server_hears_ms, 'number')
  assert.match((await cli(stage, ['machine', 'list'])).stdout, /claude \d/)
  const doctor = await cli(stage, ['doctor', '--json'])
  assert.deepEqual([doctor.code, JSON.parse(doctor.stdout).ok], [0, true], doctor.stdout)

  const second = await cli(stage, ['up', '--json'])
  assert.equal(second.code, 2)
  const refused = await cli(stage, ['up'])
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, new RegExp(`already running.*process ${up.pid}`))

  const stop = await cli(stage, ['stop'])
  assert.equal(stop.code, 0, stop.stderr)
  assert.equal(await up.ended, 0)
  assert.ok(!existsSync(join(stage.state, 'hub/hub.json')))
  assert.equal((await cli(stage, ['status'])).code, 4)
  assert.match((await cli(stage, ['logs'])).stdout, /daemon stopped/)
})

test('`up` logs at the level of its settings, and restarts in the foreground while its agents keep running', async (t) => {
  const { stage } = await claudeStage(t)
  const up = stage.run(['up', '--log-level', 'debug'])
  await until(() => up.log().includes('agent start'), { what: 'the welcome' })
  assert.match((await cli(stage, ['logs'])).stdout, / debug frame received type=server:welcome/)
  const agent = await stage.start({ prompt: 'hello' })
  const { pid } = await stage.agentIs(agent, 'idle')
  const restart = await cli(stage, ['restart', '--json'])
  assert.equal(restart.code, 0, restart.stderr)
  assert.notEqual(JSON.parse(restart.stdout).pid, up.pid)
  const sent = await cli(stage, ['agent', 'send', agent, 'again', '--wait'])
  assert.equal(sent.code, 0, sent.stderr)
  assert.equal((await stage.agent(agent)).pid, pid)
  up.kill('SIGTERM')
  assert.equal(await up.ended, 0)
  await until(() => stage.processes().length === 0, { what: 'the end of all processes' })
})

test('`start --wait` prints the turn and exits with its outcome', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const start = (...args: string[]) => cli(stage, ['agent', 'start', '--wait', ...args])

  const good = await start('--prompt', `say it ${mock([{ text: 'Hello you' }])}`)
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, /\n> say it MOCK.*\nHello you\n✓ done \(1 turn/)

  const bad = await cli(
    stage,
    ['agent', 'start', '--wait', '--prompt', '-'],
    `fail ${mock([{ error: 400 }])}`,
  )
  assert.equal(bad.code, 3)
  assert.match(bad.stdout, /✗ failed: /)

  const json = await start('--id', 'json-1', '--json', '--prompt', 'hello')
  assert.equal(json.code, 0)
  const [outcome, ...events] = lines(json.stdout)
  assert.equal(outcome.agent_id, 'json-1')
  assert.equal(outcome.state, 'succeeded')
  assert.equal(events.at(-1).kind, 'turn_result')

  const list = await cli(stage, ['agent', 'list', '--json'])
  const { agents } = JSON.parse(list.stdout)
  assert.equal(agents.length, 3)
  assert.ok(
    agents.every(({ agent_id, pid, begin, acked, end, state }: Record<string, unknown>) =>
      [agent_id, pid, begin, acked, end, state].every((field) => field !== undefined),
    ),
  )

  const again = await start('--id', 'json-1')
  assert.equal(again.code, 4)
  assert.match(again.stderr, /Agent json-1 already exists/)
  const nowhere = await cli(stage, ['agent', 'start', '--cwd', '/nowhere', '--json'])
  assert.equal(nowhere.code, 4)
  assert.equal(JSON.parse(nowhere.stdout).error.code, 'cwd_missing')
})

test('a waiting command shows the agent’s requests, and other commands answer them', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const question = {
    question: 'Which?',
    header: 'Q',
    multiSelect: false,
    options: [
      { label: 'This', description: 'a' },
      { label: 'That', description: 'b' },
    ],
  }
  const script = mock(
    [{ tool: 'Bash', input: { command: 'touch made', description: 'make it' } }],
    [{ tool: 'Bash', input: { command: 'touch unmade', description: 'make it' } }],
    [{ tool: 'AskUserQuestion', input: { questions: [question] } }],
    [{ text: 'finished' }],
  )
  const waiting = cli(stage, ['agent', 'start', '--id', 'asker', '--wait', '--prompt', script])
  const asks = (ask: string, not = '') =>
    stage.agentIs('asker', ({ pending }) => pending[0]?.ask === ask && pending[0].request_id !== not)

  await until(() => waiting.stderr().includes('agent approve asker'), { what: 'the hint' })
  const { pending } = await asks('tool')
  const wrong = await cli(stage, ['agent', 'answer', 'ask', '1'])
  assert.equal(wrong.code, 4)
  const named = () => stage.asked('asker')
  const approved = await cli(stage, ['agent', 'approve', 'ask', ...(await named())])
  assert.match(approved.stdout, /^Allowed: Bash: touch made\n/)
  await asks('tool', pending[0]?.request_id)
  assert.match((await cli(stage, ['agent', 'deny', 'asker', '--message', 'not that'])).stdout, /Denied: Bash/)
  await asks('question')
  assert.match(
    (await cli(stage, ['agent', 'answer', 'asker', '2', ...(await named())])).stdout,
    /^Answered question 1 ".+": option 2 "That"$/m,
  )

  const { code, stdout } = await waiting
  assert.equal(code, 0)
  assert.match(stdout, /not that[\s\S]*Which[\s\S]*That[\s\S]*finished\n✓ done/)
  assert.ok(existsSync(join(stage.cwd, 'made')) && !existsSync(join(stage.cwd, 'unmade')))
  assert.equal((await cli(stage, ['agent', 'approve', 'asker'])).code, 4)
})

test('`watch` and `log` show an agent that is interrupted, configured, stopped, resumed, and removed', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: `slow ${mock([{ text: 'word ', repeat: 2000, every: 20 }])}` })
  const watch = cli(stage, ['agent', 'watch', agent])
  const sendWaiting = cli(stage, ['agent', 'watch', agent, '--from', 'now', '--json'])
  await stage.eventually(agent, 'text_delta')
  assert.equal((await cli(stage, ['agent', 'interrupt', agent])).code, 0)
  await stage.agentIs(agent, 'idle')
  const configured = await cli(stage, ['agent', 'configure', agent, '--permission-mode', 'acceptEdits'])
  assert.match(configured.stdout, /permission mode acceptEdits/)
  const stopped = await cli(stage, ['agent', 'stop', agent])
  assert.equal(stopped.code, 0, stopped.stderr)

  const watched = await watch
  assert.equal(watched.code, 0)
  assert.match(watched.stdout, /word word/)
  assert.match(watched.stderr, /The agent was stopped/)
  assert.equal(lines((await sendWaiting).stdout).at(-1).kind, 'process_exited')

  assert.equal((await cli(stage, ['agent', 'send', agent, 'hello'])).code, 4)
  const resumed = await cli(stage, ['agent', 'resume', agent, '--prompt', 'go on', '--wait'])
  assert.equal(resumed.code, 0, resumed.stderr)
  assert.match(resumed.stdout, /started again \(run 2\)[\s\S]*> go on[\s\S]*✓ done/)

  const log = await cli(stage, ['agent', 'log', agent, '--json'])
  assert.deepEqual(lines(log.stdout), await stage.events(agent))
  assert.match((await cli(stage, ['agent', 'log', agent])).stdout, /> slow MOCK[\s\S]*> go on/)

  assert.equal((await cli(stage, ['agent', 'remove', agent])).code, 4)
  assert.equal((await cli(stage, ['agent', 'remove', agent, '--force'])).code, 0)
  assert.deepEqual(JSON.parse((await cli(stage, ['agent', 'list', '--json'])).stdout), { agents: [] })
})

test('a command that waits for an agent ends when the agent dies', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const script = mock([{ text: 'word ', repeat: 2000, every: 20 }])
  const waiting = cli(stage, ['agent', 'start', '--id', 'mortal', '--wait', '--prompt', script])
  await stage.agentIs('mortal', 'working')
  await stage.eventually('mortal', 'text_delta')
  const { pid } = await stage.agent('mortal')
  process.kill(pid!, 'SIGKILL')
  const { code, stderr } = await waiting
  assert.equal(code, 3)
  assert.match(stderr, /The agent was killed/)
})

test('a missing hub and a wrong key give errors with a remedy', async (t) => {
  const { stage } = await claudeStage(t)
  const none = await cli(stage, ['agent', 'list', '--json'])
  assert.equal(JSON.parse(none.stdout).error.code, 'key_missing')
  await stage.hub()
  const wrong = await cli(stage, ['agent', 'list', '--hub-key-file', join(stage.state, 'hub/machine.key')])
  assert.equal(wrong.code, 4)
  assert.match(wrong.stderr, /refused the key/)
})
