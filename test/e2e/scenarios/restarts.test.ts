import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive, sendSignal } from '../../../src/platform/process-identity.ts'
import { claudeStage } from '../../support/claude-stage.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { mock } from '../../support/messages-script.ts'
import type { Running, Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'

async function kill(running: Running) {
  running.kill('SIGKILL')
  await running.ended
}

const problem = async (stage: Stage, code: string) =>
  (await stage.machine())?.status.problems.find((found) => found.code === code)

/** Ends all processes of these agents at once, without a record of their end, as a power failure would. */
async function powerOff(stage: Stage, agents: string[]) {
  const all = agents.flatMap((agent) => stage.agentProcesses(agent))
  for (const process of all) sendSignal(process, 'SIGKILL')
  await until(() => !all.some(isAlive))
  for (const agent of agents) {
    const path = join(stage.state, 'agents', agent, 'process.json')
    const now = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(now, '00000000-0000-4000-8000-000000000000'))
  }
}

test('after a reboot, agents with the restart policy on-loss continue their interrupted turn, and other agents are reported as lost', async (t) => {
  const { stage, api } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const turn = mock([{ text: 'word ', repeat: 150, every: 20 }])
  const [again, gone] = await Promise.all([
    stage.start({ prompt: `go on ${turn}`, restart: { policy: 'on-loss', resume_turn: true } }),
    stage.start({ prompt: turn }),
  ])
  await Promise.all([again, gone].map((agent) => stage.eventually(agent, 'text_delta')))
  const { session_id } = await stage.agentIs(again, ({ session_id }) => session_id !== undefined)
  await kill(daemon)
  await powerOff(stage, [again, gone])
  const asked = api.requests.length

  await stage.daemon()
  const lost = await stage.agentIs(gone, 'exited')
  assert.deepEqual(lost.exit, { reason: 'rebooted' })
  const ended = await stage.eventually(again, 'process_exited')
  assert.equal(ended.reason, 'rebooted')
  const resumed = await stage.agentIs(again, ({ run, state }) => run === 2 && state === 'working')
  assert.equal(resumed.session_id, session_id)
  // The interrupted turn runs again without a new prompt.
  await until(() => api.requests.slice(asked).some(({ body }) => JSON.stringify(body).includes('go on')))
  await stage.eventually(again, 'turn_result')
  assert.equal((await stage.agentIs(again, 'idle')).run, 2)
  assert.equal((await stage.agent(gone)).run, 1)
})

test('after an orderly shutdown, agents resume their interrupted turn and keep their waiting prompts', async (t) => {
  const { stage, api } = await claudeStage(t)
  const bin = join(stage.dir, 'bin')
  mkdirSync(bin)
  // This is the answer of systemd while the machine shuts down.
  writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\necho stopping\nexit 1\n')
  chmodSync(join(bin, 'systemctl'), 0o755)
  await stage.hub()
  const daemon = await stage.daemon({ PATH: `${bin}:${stage.env.PATH}` })
  const turn = mock([{ text: 'word ', repeat: 150, every: 20 }])
  const [again, gone] = await Promise.all([
    stage.start({ prompt: `go on ${turn}`, restart: { policy: 'on-loss', resume_turn: true } }),
    stage.start({ prompt: turn }),
  ])
  await Promise.all([again, gone].map((agent) => stage.eventually(agent, 'text_delta')))
  await stage.command(again, 'prompt', { content: mock([{ text: 'the second answer' }]) })
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0, daemon.log())
  for (const agent of [again, gone]) {
    assert.equal((await stage.agent(agent)).exit?.reason, 'rebooted')
    assert.deepEqual(stage.agentProcesses(agent), [])
  }
  const asked = api.requests.length

  await stage.daemon()
  await stage.agentIs(again, ({ run, state }) => run === 2 && state === 'working')
  await until(() => api.requests.slice(asked).some(({ body }) => JSON.stringify(body).includes('go on')))
  await stage.eventually(again, 'text', ({ text }) => text === 'the second answer')
  await stage.agentIs(again, 'idle')
  assert.equal((await stage.agent(gone)).run, 1)
})

test('if a daemon is killed during a stop, the next daemon finishes the stop, and the agent does not restart', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hello', restart: { policy: 'on-loss' } })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  process.kill(pid!, 'SIGSTOP')
  void stage.command(agent, 'stop', { grace_s: 1 }).catch(() => {})
  await stage.agentIs(agent, 'stopping')
  await kill(daemon)
  process.kill(pid!, 'SIGCONT')
  await stage.daemon()
  const { exit } = await stage.agentIs(agent, 'exited')
  assert.equal(exit?.reason, 'stopped')
  // This turn takes long enough for an unwanted restart to happen.
  const other = await stage.start({ prompt: 'emit 1 10 3000' })
  await stage.eventually(other, 'turn_result')
  assert.deepEqual([(await stage.agent(agent)).state, (await stage.agent(agent)).run], ['exited', 1])
})

test('a crash loop is slowed down and reported, continues under the next daemon, and ends after a resume or a stop', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  let daemon = await stage.daemon()
  const restart = { policy: 'on-failure' as const, max_per_hour: 1 }
  const [looping, stopped] = await Promise.all([
    stage.start({ restart, prompt: 'hello' }),
    stage.start({ restart, prompt: 'hello' }),
  ])
  const crash = async (agent: string) => {
    await stage.eventually(agent, 'turn_result')
    await stage.agentIs(agent, 'idle')
    await stage.command(agent, 'prompt', { content: 'exit 7' })
  }
  for (const agent of [looping, stopped]) {
    await crash(agent)
    await stage.agentIs(agent, ({ run, state }) => run === 2 && state === 'idle')
    await crash(agent)
    const held = await stage.agentIs(agent, ({ restart_held_until }) => restart_held_until !== undefined)
    assert.equal(held.exit?.code, 7)
    assert.ok(Date.parse(held.restart_held_until!) > Date.now() + 50 * 60_000)
  }
  const told = await until(() => problem(stage, 'crash_loop'))
  assert.match(told.message, new RegExp(looping))
  assert.match(told.message, new RegExp(stopped))
  assert.ok(told.until)
  const refused = await stage.command(looping, 'prompt', { content: 'anybody there?' })
  assert.equal(refused.error?.code, 'agent_not_running')
  assert.equal((await stage.command(stopped, 'stop')).state, 'succeeded')

  await kill(daemon)
  daemon = await stage.daemon()
  assert.match((await until(() => problem(stage, 'crash_loop'))).message, new RegExp(`: ${looping} `))
  assert.equal((await stage.agent(stopped)).restart_held_until, undefined)
  assert.equal((await stage.command(looping, 'resume')).state, 'succeeded')
  await until(async () => !(await problem(stage, 'crash_loop')))
})

test('a prompt that is sent to an agent during its restart arrives once', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'first', restart: { policy: 'on-loss' } })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  process.kill(pid!, 'SIGKILL')
  await stage.agentIs(agent, 'exited')
  const said = await stage.command(agent, 'prompt', { content: 'second', command_id: 'p2' })
  assert.equal(said.state, 'succeeded', JSON.stringify(said))
  await stage.eventually(agent, 'text', ({ text }) => text === 'second')
  await stage.command(agent, 'prompt', { content: 'second', command_id: 'p2' })
  await stage.command(agent, 'prompt', { content: 'third' })
  await stage.eventually(agent, 'text', ({ text }) => text === 'third')
  const texts = (await stage.events(agent)).flatMap((event) => (event.kind === 'text' ? [event.text] : []))
  assert.deepEqual(texts, ['first', 'second', 'third'])
})

test('nothing is started while the daemon stops', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon({ FOMULAR_STOP_GRACE_S: '1' })
  const [stubborn, back] = await Promise.all([
    stage.start(),
    stage.start({ restart: { policy: 'on-loss' }, prompt: 'hello' }),
  ])
  await stage.eventually(back, 'turn_result')
  process.kill((await stage.agent(stubborn)).pid!, 'SIGSTOP')
  process.kill((await stage.agentIs(back, 'idle')).pid!, 'SIGKILL')
  await stage.agentIs(back, 'exited')
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0, daemon.log())
  assert.deepEqual([...stage.agentProcesses(back), ...stage.agentProcesses(stubborn)], [])
})
