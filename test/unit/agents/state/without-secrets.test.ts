import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import { Redaction } from '../../../../src/daemon/redaction.ts'
import { PolicyFile } from '../../../../src/policy/schema.ts'
import type { Command } from '../../../../src/protocol/index.ts'
import { carryOutWith } from '../../../support/command-context.ts'
import { shellAgents } from '../../../support/shell-agents.ts'
import { until } from '../../../support/wait.ts'

const VALUE = 'hunter22-is-secret'
/** A secret that only a pattern recognizes, and only as a whole. */
const KEY = `sk-${'0123456789'.repeat(4)}`

/** A ready agent on a machine that removes secrets. */
async function open(t: TestContext, redact: object = { variables: ['*_TOKEN'], patterns: ['sk-[0-9]{40}'] }) {
  let policy = PolicyFile.parse({ version: 1, redact })
  let agents: Iterable<Agent> = []
  const environments = () => [...agents].map(({ record }) => record.spec.env)
  const redactor = new Redaction({ policy: () => policy, environment: {}, environments })
  const it = shellAgents(t, { redactor })
  agents = it.agents
  assert.equal(await it.start('a', { env: { MY_TOKEN: VALUE } }).result, 'started')
  const agent = it.agents.get('a')
  return {
    agent,
    again: () => it.again().get('a'),
    change: (next: object) => {
      policy = PolicyFile.parse({ version: 1, redact: next })
    },
    says: (...lines: object[]) =>
      appendFileSync(agent.folder.journal, lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
    async prompt(content: string) {
      const command = { type: 'agent:prompt', command_id: `p-${content.length}`, agent_id: 'a', content }
      await (await carryOutWith(it.agents, command as Command)).confirmed
      await until(() => readdirSync(agent.folder.inbox).length === 0)
    },
    stop: () => it.agents.stop(agent, { commandId: 'stop' }),
  }
}

/** Returns a text in which a limit of `most` characters falls into the middle of a secret. */
const across = (most: number, secret: string) =>
  `${'x'.repeat(most - secret.length / 2)}${secret} and ${'more '.repeat(40)}`

const PARTS = [VALUE.slice(0, 6), KEY.slice(0, 8)]

/** Checks that a text contains no part of a secret. */
function assertClean(shown: unknown, ...expected: RegExp[]) {
  const text = JSON.stringify(shown)
  for (const part of PARTS) assert.equal(text.includes(part), false, text.slice(-500))
  for (const each of expected) assert.match(text, each)
}

test('a waiting prompt contains no part of a secret at its end, also after a change of the policy', async (t) => {
  const it = await open(t)
  await it.prompt(across(4096, VALUE))
  await it.prompt(across(4096, KEY))
  const texts = () => it.agent.status().waiting_prompts
  assert.equal(texts()?.length, 2)
  assertClean(texts(), /"cut":true/)
  it.change({})
  assert.match(JSON.stringify(texts()), /hunter22/)
  it.change({ patterns: ['[0-9x]+'] })
  assert.doesNotMatch(JSON.stringify(texts()?.map(({ text }) => text)), /[0-9x]/)
})

test('texts of an agent contain no part of a secret where its status shortens them', async (t) => {
  const it = await open(t)
  const state = (name: string) => ({ type: 'system', subtype: 'session_state_changed', state: name })
  for (const secret of [VALUE, KEY]) {
    const result = { type: 'result', subtype: 'error_during_execution', is_error: true, result: '' }
    const tasks = [{ task_id: 't', task_type: 'shell', description: across(200, secret) }]
    it.says(
      state('running'),
      { type: 'system', subtype: 'background_tasks_changed', tasks },
      { ...result, errors: [across(500, secret)] },
    )
    await until(() => it.agent.status().turn_failed)
    assertClean(it.agent.status(), /turn_failed/, /background_tasks/)
    assertClean(it.again().status())
    it.says(state('idle'), state('running'))
    await until(() => !it.agent.status().turn_failed)
  }
})

test('the last output of an agent that failed contains no part of a secret at its beginning', async (t) => {
  const it = await open(t)
  writeFileSync(it.agent.folder.stderr, `${KEY} ${'y'.repeat(290 - 20)}`)
  await until(() => it.agent.process)
  process.kill(it.agent.process!.launcher.pid, 'SIGKILL')
  process.kill(it.agent.process!.agent.pid, 'SIGKILL')
  appendFileSync(it.agent.folder.journal, '{"type":"launcher","subtype":"exited","run":1,"code":3}\n')
  await until(() => it.agent.status().exit?.detail)
  assert.match(it.agent.status().exit?.detail ?? '', /^Its last output: \[redacted\] y+$/)
})
