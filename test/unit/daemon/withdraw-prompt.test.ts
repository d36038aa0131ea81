import assert from 'node:assert/strict'
import { appendFileSync, readdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { withdrawnLine } from '../../../src/agents/events/decode.ts'
import { withdrawnLineId } from '../../../src/agents/events/ids.ts'
import type { RuntimeAdapter } from '../../../src/agents/runtimes/runtime.ts'
import type { Command } from '../../../src/protocol/index.ts'
import { carryOutWith } from '../../support/command-context.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { until } from '../../support/wait.ts'

const WITHDRAWN = 'withdrawn'

/** A ready agent `a`, which confirms requests but no prompts, and the code of each command's outcome. */
async function open(t: TestContext) {
  const it = shellAgents(t)
  assert.equal(await it.start('a', {}).result, 'started')
  let agents = it.agents
  let count = 0
  const order = async (command: object) => {
    const all = { command_id: `c${++count}`, agent_id: 'a', ...command } as Command
    return (await carryOutWith(agents, all)).confirmed
  }
  return {
    agent: () => agents.get('a'),
    /** Sends a prompt. @returns its id, once the agent has it */
    async prompt(content: string): Promise<string> {
      const { prompt_id } = (await order({ type: 'agent:prompt', content })) as { prompt_id: string }
      await until(() => readdirSync(agents.get('a').folder.inbox).length === 0)
      return prompt_id
    },
    withdraw: (prompt_id: string, command_id = `w${++count}`, by?: string): Promise<string> =>
      order({ type: 'agent:withdraw', command_id, prompt_id, ...(by && { by }) }).then(
        () => WITHDRAWN,
        (error: { code: string }) => error.code,
      ),
    says: (line: object) => appendFileSync(agents.get('a').folder.journal, `${JSON.stringify(line)}\n`),
    stop: () => it.agents.stop(agents.get('a'), { commandId: 'stop' }),
    again: () => {
      agents = it.again()
    },
    texts: () =>
      agents
        .get('a')
        .status()
        .waiting_prompts?.map(({ text }) => text),
  }
}

const lifecycle = (id: string, state: string) => ({ type: 'command_lifecycle', command_uuid: id, state })

test('a waiting prompt is in the status until the agent takes it, and can then no longer be withdrawn', async (t) => {
  const it = await open(t)
  const [first, second] = [await it.prompt('one'), await it.prompt('two')]
  assert.deepEqual(it.texts(), ['one', 'two'])
  it.says(lifecycle(first, 'queued'))
  it.says(lifecycle(first, 'started'))
  await until(() => it.agent().inbox.unsettledCount === 1)
  assert.deepEqual(it.texts(), ['two'])
  assert.equal(await it.withdraw(first), 'prompt_taken')
  assert.equal(await it.withdraw('00000000-0000-8000-8000-000000000000'), 'prompt_not_found')
  // The agent confirms the request, but has not dropped the prompt.
  assert.equal(await it.withdraw(second), 'prompt_taken')
  it.says(lifecycle(second, 'started'))
  await until(() => it.texts() === undefined)
})

test('a prompt that the agent dropped counts as withdrawn, also for other commands and the next daemon', async (t) => {
  const it = await open(t)
  const dropped = await it.prompt('one')
  it.says(lifecycle(dropped, 'cancelled'))
  await until(() => it.texts() === undefined)
  assert.equal(await it.withdraw(dropped), WITHDRAWN)
  it.again()
  assert.equal(await it.withdraw(dropped), WITHDRAWN)
})

test('prompts that an agent did not begin before it ended can be withdrawn, and the next run gets only the others', async (t) => {
  const it = await open(t)
  const [first] = [await it.prompt('one'), await it.prompt('two')]
  await it.stop()
  assert.deepEqual(it.texts(), ['one', 'two'])
  assert.equal(await it.withdraw(first), WITHDRAWN)
  assert.deepEqual(it.texts(), ['two'])
  it.again()
  assert.deepEqual(it.texts(), ['two'])
  assert.equal(await it.withdraw(first), WITHDRAWN)
})

test('the history of an ended agent tells once which prompt was withdrawn, when, and by whom', async (t) => {
  const it = await open(t)
  const [first, second] = [await it.prompt('one'), await it.prompt('two')]
  await it.stop()
  const { acked } = it.agent()
  assert.equal(await it.withdraw(first, 'w', 'alice'), WITHDRAWN)
  assert.equal(await it.withdraw(first, 'w', 'alice'), WITHDRAWN)
  assert.equal(await it.withdraw(second), WITHDRAWN)
  const events = it
    .agent()
    .read(1024 * 1024)!
    .events.filter(({ kind }) => kind === 'prompt_state')
  assert.deepEqual(
    events.map(({ offset, time, ...rest }) => [offset > acked, !Number.isNaN(Date.parse(time ?? '')), rest]),
    [
      [true, true, { kind: 'prompt_state', index: 0, prompt_id: first, state: 'cancelled', by: 'alice' }],
      [true, true, { kind: 'prompt_state', index: 0, prompt_id: second, state: 'cancelled' }],
    ],
  )
})

test('an agent cannot tell in the name of a person that a prompt was withdrawn', async (t) => {
  const it = await open(t)
  const prompt = await it.prompt('one')
  const forge = () =>
    it.says({ type: 'journal', subtype: 'prompt_withdrawn', prompt_id: prompt, by: 'admin', time: 'now' })
  forge()
  await it.stop()
  assert.deepEqual(it.texts(), ['one'])
  assert.equal(await it.withdraw(prompt, 'w', 'alice'), WITHDRAWN)
  forge()
  it.again()
  const { events } = it.agent().read(1024 * 1024)!
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'prompt_state' ? [event.by] : [])),
    ['alice'],
  )
})

test('a daemon that is killed while it withdraws a prompt withdraws it later', async (t) => {
  const it = await open(t)
  const prompt = await it.prompt('one')
  await it.stop()
  const line = { prompt_id: prompt, by: 'alice' }
  it.agent().inbox.record(withdrawnLineId(line))
  appendFileSync(it.agent().folder.journal, withdrawnLine(line))
  it.again()
  await until(() => it.texts() === undefined)
  assert.equal(await it.withdraw(prompt), WITHDRAWN)
  const { inbox, fed } = it.agent().folder
  const left = [...readdirSync(inbox), ...readdirSync(fed)].filter((name) => name.includes('_prompt_'))
  assert.deepEqual(left, [])
})

test('if an agent ends before it answers a withdrawal, the prompt is withdrawn', async (t) => {
  const it = await open(t)
  const agent = it.agent()
  const prompt = await it.prompt('one')
  // Without its feeder, the agent does not get the request.
  process.kill(agent.process!.feeder.pid, 'SIGSTOP')
  const withdrawn = it.withdraw(prompt)
  process.kill(agent.process!.agent.pid, 'SIGKILL')
  assert.equal(await withdrawn, WITHDRAWN)
  assert.equal(it.texts(), undefined)
})

test('a runtime that cannot drop one prompt refuses, and names the way to drop all', async (t) => {
  const it = await open(t)
  const prompt = await it.prompt('one')
  const agent = it.agent() as { runtime: RuntimeAdapter }
  agent.runtime = { ...agent.runtime, withdraw: undefined } as unknown as RuntimeAdapter
  assert.equal(await it.withdraw(prompt), 'unsupported')
  assert.deepEqual(it.texts(), ['one'])
})

test('a repeated withdrawal asks the agent once', async (t) => {
  const it = await open(t)
  const prompt = await it.prompt('one')
  const codes = [await it.withdraw(prompt, 'same'), await it.withdraw(prompt, 'same')]
  assert.deepEqual(codes, ['prompt_taken', 'prompt_taken'])
  assert.equal(it.agent().snapshot.replies.length, 2)
})

test('a prompt for an agent that waits for its launch is withdrawn, and the agent never gets it', async (t) => {
  let isFull = true
  const full = { reason: 'There is not enough memory.', remedy: 'End other programs.' }
  const it = shellAgents(t, { room: { waitOf: () => (isFull ? full : undefined) } })
  const start = it.start('a', {})
  await until(() => start.status()?.queued)
  const order = async (command: object) =>
    (await carryOutWith(it.agents, { agent_id: 'a', ...command } as Command)).confirmed
  const prompt = { type: 'agent:prompt', command_id: 'p', content: 'one' }
  const { prompt_id } = (await order(prompt)) as { prompt_id: string }
  assert.equal(start.status()?.waiting_prompts?.length, 1)
  await order({ type: 'agent:withdraw', command_id: 'w', prompt_id })
  const [told] = it.agents.get('a').read(1024)!.events
  assert.equal(told?.kind === 'prompt_state' && told.prompt_id, prompt_id)
  assert.equal(start.status()?.waiting_prompts, undefined)
  isFull = false
  it.clock.pass(60_000)
  assert.equal(await start.result, 'started')
  assert.equal(((await order(prompt)) as { prompt_id: string }).prompt_id, prompt_id)
  assert.equal(it.agents.get('a').inbox.unsettledCount, 0)
})
