import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { DAEMON_CAPABILITIES, type HubAgent } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { RUN, Stage } from '../support/stage.ts'
import { prompt } from '../support/turns.ts'

/** Runs `agent` as a user would, without a terminal. @returns the exit code, and the output */
async function cli(stage: Stage, ...args: string[]) {
  const [file, ...before] = RUN
  const options = { cwd: stage.cwd, env: stage.env, extendEnv: false, reject: false }
  const { exitCode, stdout, stderr } = await execa(file, [...before, ...args], options)
  return { code: exitCode, text: stdout + stderr }
}

test('people see which prompts wait, and withdraw one by its id, or the only one without its id', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'hang' })
  await stage.agentIs(agent, 'working')
  const none = await cli(stage, 'agent', 'withdraw', agent)
  assert.deepEqual([none.code, /No prompt waits/.test(none.text)], [4, true], none.text)

  const sent = cli(stage, 'agent', 'send', agent, 'Now the \u001b[31mdocs', '--wait')
  const other = await prompt(stage, agent, [
    { type: 'text', text: 'Look:' },
    { type: 'image', media_type: 'image/png', data: 'aGk=' },
  ])
  const { waiting_prompts: waiting = [] } = await stage.agentIs(
    agent,
    (now) => now.waiting_prompts?.length === 2,
  )
  const docs = waiting.find(({ prompt_id }) => prompt_id !== other)!.prompt_id
  const shown = (await cli(stage, 'agent', 'show', agent)).text
  assert.match(shown, /Queued +2 prompts not yet started\n/)
  assert.match(shown, new RegExp(`${docs.slice(0, 8)}: Now the \u241b\\[31mdocs\n`))
  assert.match(shown, new RegExp(`${other.slice(0, 8)}: Look: \\[1 image\\]\n`))
  const offered = await cli(stage, 'complete', '--', 'agent', 'withdraw', agent, '')
  assert.match(offered.text, new RegExp(`^${other}\tLook: \\[1 image\\]$`, 'm'))

  const several = await cli(stage, 'agent', 'withdraw', agent)
  assert.deepEqual([several.code, several.text.includes(docs.slice(0, 8))], [4, true], several.text)
  const wrong = await cli(stage, 'agent', 'withdraw', agent, 'ffff-not-one')
  assert.deepEqual([wrong.code, /No prompt ffff-not-one waits/.test(wrong.text)], [4, true], wrong.text)
  const done = await cli(stage, 'agent', 'withdraw', agent, docs.slice(0, 6))
  assert.deepEqual(done, { code: 0, text: `Withdrew a prompt from ${agent}: Now the \u241b[31mdocs` })
  assert.equal((await sent).code, 3, 'the command that waits for the prompt ends')

  await stage.agentIs(agent, (now) => now.waiting_prompts?.length === 1)
  const json = await cli(stage, 'agent', 'withdraw', agent, '--json')
  assert.deepEqual([json.code, JSON.parse(json.text).state], [0, 'succeeded'])
  const again = await cli(stage, 'agent', 'withdraw', agent, docs)
  assert.equal(again.code, 0, again.text)
  const begun = (await stage.events(agent)).find(({ kind }) => kind === 'user') as { prompt_id?: string }
  const late = await cli(stage, 'agent', 'withdraw', agent, begun.prompt_id!, '--json')
  assert.deepEqual([late.code, JSON.parse(late.text).error.code], [4, 'prompt_taken'])
})

test('the command says if the daemon of the machine is too old', async (t) => {
  const hub = await TestHub.open(t)
  const capabilities = DAEMON_CAPABILITIES.filter((name) => name !== 'agent:withdraw')
  const agents = [statusOf('a', { state: 'working', undelivered_prompts: 1 })]
  await hub.daemon({ agents, capabilities })
  const stage = await Stage.open(t, { FOMULAR_HUB_KEY_FILE: join(hub.dir, 'user.key') })
  stage.env.FOMULAR_HUB_URL = hub.url
  const unlisted = await cli(stage, 'agent', 'withdraw', 'a')
  assert.equal(unlisted.code, 4)
  assert.match(unlisted.text, /does not list the prompts that wait.\n.*machine update/)
  const unsupported = await cli(stage, 'agent', 'withdraw', 'a', '00000000-0000-8000-8000-000000000000')
  assert.equal(unsupported.code, 4)
  assert.match(unsupported.text, /does not support agent:withdraw.\n.*Update the daemon/)
  assert.equal((await hub.api<HubAgent>('GET', '/api/agents/a')).undelivered_prompts, 1)
})
