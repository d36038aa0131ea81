import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { identify } from '../../../src/platform/process-identity.ts'
import { commandLines } from '../../../src/platform/process-list.ts'
import type { Outcome } from '../../../src/protocol/index.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { RUN, type Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'

/** Starts an agent, runs one turn in its session, and stops it. */
async function oneTurn(stage: Stage) {
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const { session_id } = await stage.agentIs(agent, 'idle')
  assert.equal((await stage.command(agent, 'stop')).state, 'succeeded')
  return { agent, session_id: session_id! }
}

const startOn = (stage: Stage, resume: string, fork = false) =>
  stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd, session: { resume, fork } } })

/** Returns the agent programs in the session, without their launchers. */
const inSession = (id: string) =>
  commandLines().filter(({ argv }) => !argv[0]?.endsWith('sh') && argv.includes(`--resume=${id}`))

test('a session that is resumed five times at once has one process', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const { agent, session_id } = await oneTurn(stage)
  const outcomes = await Promise.all([
    stage.command(agent, 'resume'),
    stage.command(agent, 'resume'),
    startOn(stage, session_id),
    startOn(stage, session_id),
    stage.command(agent, 'resume'),
  ])
  const succeeded = outcomes.filter(({ state }) => state === 'succeeded')
  assert.equal(succeeded.length, 1, JSON.stringify(outcomes))
  for (const { error } of outcomes.filter(({ state }) => state !== 'succeeded'))
    assert.match(error!.code, /^(session_in_use|agent_running)$/)
  assert.equal(inSession(session_id).length, 1)
})

test('a session that is open in a terminal or under another daemon is in use', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const { agent, session_id } = await oneTurn(stage)
  const terminal = spawn(process.execPath, [
    '-e',
    'setInterval(() => {}, 1000)',
    '--',
    '--resume',
    session_id,
  ])
  t.after(() => terminal.kill('SIGKILL'))
  for (const refused of [await startOn(stage, session_id), await stage.command(agent, 'resume')]) {
    assert.equal(refused.error?.code, 'session_in_use')
    assert.match(refused.error?.message ?? '', new RegExp(`Process ${terminal.pid} `))
  }
  terminal.kill('SIGKILL')
  await until(() => inSession(session_id).length === 0 && terminal.signalCode)

  const other = await fakeStage(t, { HOME: stage.env.HOME! })
  await other.hub()
  await other.daemon()
  const there = await startOn(other, session_id)
  assert.equal(there.state, 'succeeded', JSON.stringify(there))
  assert.equal((await stage.command(agent, 'resume')).error?.code, 'session_in_use')
  assert.equal((await other.command(there.agent_id!, 'stop')).state, 'succeeded')
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
})

test('after /clear, another agent can use the old session, but not the new session', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const left = (await stage.agentIs(agent, 'idle')).session_id!
  await stage.command(agent, 'prompt', { content: '/clear' })
  const open = await until(async () => {
    const { session_id, state } = await stage.agent(agent)
    return state === 'idle' && session_id !== left ? session_id : undefined
  })
  const refused = await startOn(stage, open!)
  assert.match(refused.error?.message ?? '', new RegExp(`Agent ${agent} is running in session ${open}`))
  // Another daemon does not know this daemon's agents.
  const other = await fakeStage(t, { HOME: stage.env.HOME! })
  await other.hub()
  await other.daemon()
  const { pid } = await stage.agent(agent)
  const elsewhere = await startOn(other, open!)
  assert.equal(elsewhere.error?.code, 'session_in_use')
  assert.match(elsewhere.error?.message ?? '', new RegExp(`Process ${pid} `))
  for (const there of [other, stage]) {
    const on = await startOn(there, left)
    assert.equal(on.state, 'succeeded', JSON.stringify(on))
    assert.equal((await there.command(on.agent_id!, 'stop')).state, 'succeeded')
  }
  await stage.command(agent, 'stop')
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  assert.equal((await stage.agentIs(agent, 'idle')).session_id, open)
  assert.equal((await startOn(stage, open!)).error?.code, 'session_in_use')
})

test('a session is in use even if the process that opened it does not name the session in its arguments', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const { session_id } = await oneTurn(stage)
  const terminal = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '--', '--continue'])
  t.after(() => terminal.kill('SIGKILL'))
  const record = (sessionId: string, procStart: string) => {
    const sessions = join(stage.env.HOME!, '.claude/sessions')
    mkdirSync(sessions, { recursive: true })
    writeFileSync(join(sessions, `${terminal.pid}.json`), JSON.stringify({ sessionId, procStart }))
  }
  record(session_id, identify(terminal.pid!)!.start)
  const refused = await startOn(stage, session_id)
  assert.match(refused.error?.message ?? '', new RegExp(`Process ${terminal.pid} `))
  // Simulates a record that an earlier process with the same pid left behind.
  record(session_id, '1')
  assert.equal((await startOn(stage, session_id)).state, 'succeeded')
})

test('the command that starts an agent in a session does not count as using that session', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const { session_id } = await oneTurn(stage)
  const args = ['agent', 'start', '--id', 'again', '--resume', session_id, '--prompt', 'hello', '--wait']
  for (const command of [RUN, ['timeout', '60', ...RUN]]) {
    const start = stage.run(args, {}, command)
    assert.equal(await start.ended, 0, start.log())
    assert.equal((await stage.agent('again')).session_id, session_id)
    assert.equal((await stage.command('again', 'stop')).state, 'succeeded')
    assert.equal((await stage.command('again', 'remove')).state, 'succeeded')
  }
})

test('the error about a missing session names the session and a remedy', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const id = randomUUID()
  const { error, agent_id } = await startOn(stage, id)
  assert.match(error?.message ?? '', new RegExp(`No conversation .*${id}`))
  assert.match(error?.remedy ?? '', /as the user who ran that session, and in the folder of that session/)
  const show = stage.run(['agent', 'show', agent_id ?? ''])
  assert.equal(await show.ended, 0, show.log())
  assert.match(show.log(), /^Why +The agent failed to start: No conversation/m)
  // A resume would fail again.
  assert.doesNotMatch(show.log(), /agent resume/)
})

test('an agent keeps its session even if it runs no turn, and a fork does not count as using the original session', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const { agent, session_id } = await oneTurn(stage)
  const second = (await startOn(stage, session_id)).agent_id!
  await stage.command(second, 'stop')
  await stage.command(second, 'resume')
  assert.equal((await stage.agentIs(second, 'idle')).session_id, session_id)
  await stage.command(second, 'stop')

  const fork = (await startOn(stage, session_id, true)).agent_id!
  assert.notEqual((await stage.agentIs(fork, 'idle')).session_id, session_id)
  const resumed = await stage.command(agent, 'resume')
  assert.equal(resumed.state, 'succeeded', JSON.stringify(resumed))
})
