import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive, sendSignal } from '../../../src/platform/process-identity.ts'
import type { Event, Outcome } from '../../../src/protocol/index.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { journalEvents, merged } from '../../support/journal.ts'
import type { Running, Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'

async function kill(running: Running) {
  running.kill('SIGKILL')
  await running.ended
}

const texts = (events: Event[]) => events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))
const texted = (stage: Stage, agent: string, text: string) =>
  stage.eventually(agent, 'text', (event) => event.text === text)

/** This prompt is as long as a picture of 5 MB in Base64. */
const LARGE = `large ${'x'.repeat(7 * 1024 * 1024)}`

test('if an agent does not read its input, its prompts do not block other agents, stay whole, and arrive once', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  let daemon = await stage.daemon()
  const [stopped, other] = await Promise.all([stage.start({ prompt: 'hello' }), stage.start()])
  await stage.eventually(stopped, 'turn_result')
  const { pid } = await stage.agentIs(stopped, 'idle')
  process.kill(pid!, 'SIGSTOP')
  const give = (content: string, command_id: string) =>
    stage.command(stopped, 'prompt', { content, command_id })
  assert.equal((await give(LARGE, 'p1')).state, 'succeeded')
  assert.equal((await give('second', 'p2')).state, 'succeeded')
  // The daemon still responds promptly.
  await stage.command(other, 'prompt', { content: 'me too' })
  await texted(stage, other, 'me too')

  await kill(daemon)
  daemon = await stage.daemon()
  assert.equal((await give('third', 'p3')).state, 'succeeded')
  // The server repeats a prompt because it did not receive the answer.
  assert.equal((await give(LARGE, 'p1')).state, 'succeeded')
  await stage.agentIs(stopped, ({ undelivered_prompts }) => undelivered_prompts === 3)
  await kill(daemon)
  process.kill(pid!, 'SIGCONT')
  await until(() => texts(journalEvents(stage.state, stopped)).includes('third'), {
    what: 'the last prompt in the journal while no daemon is running',
  })
  await stage.daemon()
  await texted(stage, stopped, 'third')
  const said = texts(await stage.events(stopped))
  assert.deepEqual(
    said.map((text) => text.slice(0, 6)),
    ['hello', 'large ', 'second', 'third'],
  )
  assert.ok(said[1] === LARGE)
  const idle = await stage.agentIs(stopped, ({ undelivered_prompts }) => undelivered_prompts === 0)
  assert.equal(idle.pid, pid)
})

test('prompts that an agent did not read before it died are sent to its next run', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  process.kill(pid!, 'SIGSTOP')
  await stage.command(agent, 'prompt', { content: LARGE })
  await stage.command(agent, 'prompt', { content: 'small' })
  await kill(daemon)
  process.kill(pid!, 'SIGKILL')
  await stage.daemon()
  await stage.agentIs(agent, 'exited')
  await stage.command(agent, 'resume', { prompt: 'last' })
  await texted(stage, agent, 'last')
  const said = texts(await stage.events(agent)).map((text) => text.slice(0, 6))
  assert.deepEqual(said, ['hello', 'large ', 'small', 'last'])
})

test('commands that the server receives while the link is down are carried out in order, and a repeated command only once', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  await kill(daemon)
  const { machine_id } = (await stage.machine())!
  const later = <B extends object>(path: string, command_id: string, body: B) =>
    stage.api<Outcome>('POST', `${path}?wait=0`, { command_id, ...body })
  const start = () => later('/api/agents', 's1', { machine_id, spec: { cwd: stage.cwd, prompt: 'first' } })
  const { agent_id } = await start()
  await start()
  const path = `/api/agents/${agent_id}/prompt`
  for (const n of [1, 2, 3]) await later(path, `p${n}`, { content: `prompt ${n}` })
  await later(path, 'p2', { content: 'prompt 2' })
  await stage.daemon()
  await until(async () => (await stage.request('GET', `/api/agents/${agent_id}`)).ok)
  await texted(stage, agent_id!, 'prompt 3')
  assert.deepEqual(texts(await stage.events(agent_id!)), ['first', 'prompt 1', 'prompt 2', 'prompt 3'])
  assert.equal((await stage.api<{ agents: object[] }>('GET', '/api/agents')).agents.length, 1)
})

test('if an agent ends in the middle of a line, the line is reported as torn, and does not affect the next run', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  await stage.command(agent, 'prompt', { content: 'tear' })
  const { pid } = await stage.agentIs(agent, 'working')
  const journal = join(stage.state, 'agents', agent, 'activity.jsonl')
  await until(() => !readFileSync(journal, 'utf8').endsWith('\n'), { what: 'half a line' })
  await kill(daemon)
  process.kill(pid!, 'SIGKILL')
  await stage.daemon()
  await stage.agentIs(agent, 'exited')
  const torn = await stage.eventually(agent, 'unreadable')
  assert.equal(torn.reason, 'torn')
  await stage.command(agent, 'resume', { prompt: 'whole again' })
  await texted(stage, agent, 'whole again')
  await stage.agentIs(agent, ({ offset, end, state }) => state === 'idle' && offset >= end)
  const events = await stage.events(agent)
  assert.equal(events.filter(({ kind }) => kind === 'unreadable').length, 1)
  assert.deepEqual(merged(events), merged(journalEvents(stage.state, agent)))
})

test('an agent that no longer accepts input is ended, and restarts with the prompts that were sent to it', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'hello', restart: { policy: 'on-loss' } })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  const feeder = stage.agentProcesses(agent).filter((process) => process.pid !== pid)
  for (const process of feeder) sendSignal(process, 'SIGKILL')
  await until(() => !feeder.some(isAlive))
  assert.equal((await stage.command(agent, 'prompt', { content: 'do you hear me?' })).state, 'succeeded')
  await texted(stage, agent, 'do you hear me?')
  assert.deepEqual(texts(await stage.events(agent)), ['hello', 'do you hear me?'])
  assert.deepEqual(readdirSync(join(stage.state, 'agents', agent, 'in')), [])
})
