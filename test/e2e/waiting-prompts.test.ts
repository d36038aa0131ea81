import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditPage, Event, HubAgent, Outcome } from '../../src/protocol/index.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { mock } from '../support/messages-script.ts'
import type { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import { prompt, turnOf } from '../support/turns.ts'

const LAST = 'The turn is over.'

/** Starts the real Claude Code, which runs a command for a few seconds. */
async function working(t: Cleanup, seconds: number, spec: object = {}) {
  const { stage, api } = await claudeStage(t)
  const hub = await stage.hub()
  const daemon = await stage.daemon()
  const steps = mock([{ tool: 'Bash', input: { command: `sh -c "sleep ${seconds}"` } }], [{ text: LAST }])
  const permissions = { permission_mode: 'bypassPermissions' }
  const agent = await stage.start({ prompt: `go ${steps}`, ...permissions, ...spec })
  await stage.eventually(agent, 'tool_use')
  return { stage, api, hub, daemon, agent }
}

const textsOf = ({ waiting_prompts: prompts = [] }: HubAgent) => prompts.map(({ text }) => text)

/** Waits until exactly these prompts wait for an agent. */
const waits = (stage: Stage, agent: string, ...texts: string[]) =>
  stage.agentIs(
    agent,
    (now) => textsOf(now).join() === texts.join() && now.undelivered_prompts === texts.length,
  )

const withdraw = (stage: Stage, agent: string, prompt_id: string, rest: object = {}) =>
  stage.command(agent, 'withdraw', { prompt_id, ...rest })

/** Returns the texts that people sent, as the agent has echoed them. */
const readBy = (events: Event[]) =>
  events.flatMap((event) => (event.kind === 'user' && event.origin === undefined ? [event.content] : []))

test('a working agent reads prompts at its next step, except those that were withdrawn in time', async (t) => {
  const { stage, api, agent } = await working(t, 4)
  const [steer, wrong] = [await prompt(stage, agent, 'steer left'), await prompt(stage, agent, 'delete it')]
  const { waiting_prompts: [first] = [] } = await waits(stage, agent, 'steer left', 'delete it')
  assert.equal(first?.prompt_id, steer)
  assert.ok(Math.abs(Date.now() - Date.parse(first!.since!)) < 60_000)

  const command_id = 'withdraw-1'
  const done = await withdraw(stage, agent, wrong, { command_id })
  assert.deepEqual([done.state, done.result], ['succeeded', {}])
  await waits(stage, agent, 'steer left')
  await stage.eventually(
    agent,
    'prompt_state',
    (event) => event.prompt_id === wrong && event.state === 'cancelled',
  )
  // The repeated command, and one of another person.
  assert.deepEqual(await withdraw(stage, agent, wrong, { command_id }), done)
  assert.equal((await withdraw(stage, agent, wrong)).state, 'succeeded')

  const result = await turnOf(stage, agent, steer)
  assert.equal(result.text, LAST, 'the prompt steers the same turn')
  await waits(stage, agent)
  assert.equal((await withdraw(stage, agent, steer)).error?.code, 'prompt_taken')
  const unknown = '00000000-0000-8000-8000-000000000000'
  assert.equal((await withdraw(stage, agent, unknown)).error?.code, 'prompt_not_found')
  assert.deepEqual(readBy(await stage.events(agent)).slice(1), ['steer left'])
  assert.doesNotMatch(JSON.stringify(api.requests), /delete it/)
  const { entries } = await stage.api<AuditPage>('GET', '/api/audit?action=agent:withdraw')
  assert.deepEqual(
    entries.map(({ outcome, code }) => code ?? outcome),
    [
      'ordered',
      'succeeded',
      'repeated',
      'ordered',
      'succeeded',
      'ordered',
      'prompt_taken',
      'ordered',
      'prompt_not_found',
    ],
  )
})

test('waiting prompts and withdrawals survive kills of the daemon and the hub, and the agent reads each prompt once', async (t) => {
  const { stage, api, hub, daemon, agent } = await working(t, 12)
  const [, wrong, late] = [
    await prompt(stage, agent, 'the first prompt'),
    await prompt(stage, agent, 'the wrong prompt'),
    await prompt(stage, agent, 'the late prompt'),
  ]
  await waits(stage, agent, 'the first prompt', 'the wrong prompt', 'the late prompt')
  daemon.kill('SIGKILL')
  await daemon.ended
  // The command waits in the hub, which is killed as well.
  const body = { prompt_id: wrong, command_id: 'w-1' }
  const order = await stage.api<Outcome>('POST', `/api/agents/${agent}/withdraw?wait=0`, body)
  assert.equal(order.state, 'pending')
  hub.kill('SIGKILL')
  await hub.ended
  await stage.hub()
  await stage.daemon()
  assert.equal((await stage.api<Outcome>('GET', '/api/commands/w-1?wait=20')).state, 'succeeded')
  await waits(stage, agent, 'the first prompt', 'the late prompt')
  assert.equal((await withdraw(stage, agent, late)).state, 'succeeded')
  await stage.eventually(agent, 'turn_result')
  await waits(stage, agent)
  assert.deepEqual(readBy(await stage.events(agent)).slice(1), ['the first prompt'])
  assert.doesNotMatch(JSON.stringify(api.requests), /(wrong|late) prompt/)
})

test('after a kill of the agent, the next run reads the waiting prompts that were not withdrawn, once', async (t) => {
  const { stage, api, agent } = await working(t, 60)
  const [before, kept, after] = [
    await prompt(stage, agent, 'withdrawn before'),
    await prompt(stage, agent, 'kept'),
    await prompt(stage, agent, 'withdrawn after'),
  ]
  await waits(stage, agent, 'withdrawn before', 'kept', 'withdrawn after')
  assert.equal((await withdraw(stage, agent, before)).state, 'succeeded')
  const { pid } = await stage.agent(agent)
  process.kill(pid!, 'SIGKILL')
  await stage.agentIs(agent, 'exited')
  await waits(stage, agent, 'kept', 'withdrawn after')
  assert.equal((await withdraw(stage, agent, after)).state, 'succeeded')
  await waits(stage, agent, 'kept')
  const isTold = ({ prompt_id, state, by }: { prompt_id: string; state: string; by?: string | undefined }) =>
    prompt_id === after && state === 'cancelled' && by !== undefined
  await stage.eventually(agent, 'prompt_state', isTold)
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  await turnOf(stage, agent, kept)
  await waits(stage, agent)
  assert.deepEqual(readBy(await stage.events(agent)).slice(1), ['kept'])
  assert.doesNotMatch(JSON.stringify(api.requests), /withdrawn (before|after)/)
  for (const id of [before, after]) assert.equal((await withdraw(stage, agent, id)).state, 'succeeded')
})

test('a stop drops the prompts that wait in the agent, and a later run does not read them', async (t) => {
  const { stage, agent } = await working(t, 60)
  const waiting = await prompt(stage, agent, 'waiting')
  await waits(stage, agent, 'waiting')
  await stage.command(agent, 'stop')
  await waits(stage, agent)
  assert.equal((await stage.command(agent, 'resume', { prompt: 'hello' })).state, 'succeeded')
  await stage.eventually(agent, 'turn_result', ({ text }) => text !== undefined)
  assert.ok(!readBy(await stage.events(agent)).includes('waiting'))
  assert.equal((await withdraw(stage, agent, waiting)).state, 'succeeded')
})

test('of many prompts that are withdrawn at once, the agent reads exactly those whose withdrawal came too late', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'emit 3 10 100' })
  const texts = Array.from({ length: 30 }, (_, n) => `say ${n}`)
  const outcomes = await Promise.all(
    texts.map(async (text) => {
      const { state, error } = await withdraw(stage, agent, await prompt(stage, agent, text))
      assert.ok(state === 'succeeded' || error?.code === 'prompt_taken', JSON.stringify(error))
      return state === 'succeeded' ? [] : [text]
    }),
  )
  await waits(stage, agent)
  await stage.agentIs(agent, 'idle')
  assert.deepEqual(
    readBy(await stage.events(agent))
      .slice(1)
      .sort(),
    outcomes.flat().sort(),
  )
})
