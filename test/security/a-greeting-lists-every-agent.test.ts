import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Agent } from '../../src/agents/agent.ts'
import { checkKept } from '../../src/agents/checks.ts'
import { greet } from '../../src/daemon/greeting.ts'
import { StatusSender } from '../../src/daemon/status-sender.ts'
import { identify } from '../../src/platform/process-identity.ts'
import {
  type AgentStatus,
  type FromDaemon,
  type Hello,
  Limits,
  parseFromDaemon,
} from '../../src/protocol/index.ts'
import { leftAgent } from '../support/agents.ts'
import { AskingAgent, asks } from '../support/asking-agent.ts'
import { helloOf, statusOf } from '../support/light-daemon.ts'
import { LightServer } from '../support/light-server.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const { machine, machine_id, started_at } = helloOf()
const greetingWith = (agents: AgentStatus[]) => greet({ machine, machine_id, started_at, agents })

/** Returns the greeting as a server would read it. */
function read(hello: Hello): Hello {
  const text = JSON.stringify(hello)
  assert.ok(Buffer.byteLength(text) <= Limits.frame_bytes, `${text.length} characters`)
  const parsed = parseFromDaemon(text)
  assert.ok(parsed.ok && parsed.message.type === 'machine:hello', JSON.stringify(parsed).slice(0, 500))
  return parsed.message
}

test('thousands of requests from one agent do not keep its machine offline', (t) => {
  const asking = new AskingAgent(t)
  const command = 'x'.repeat(15_000)
  asking.says(...Array.from({ length: 3000 }, (_, n) => asks(`r${n}`, { command })))
  while (asking.agent.catchUp());
  for (const saved of [true, false]) {
    const { pending, pending_omitted } = asking.agent.snapshot
    assert.deepEqual([pending.length, pending[0]?.request_id, pending_omitted], [Limits.pending, 'r0', 2000])
    const status = asking.agent.status()
    assert.ok(Buffer.byteLength(JSON.stringify(status)) <= Limits.status_bytes)
    assert.equal(status.pending.length + (status.pending_omitted ?? 0), 3000)
    assert.equal(status.pending[0]?.input_omitted, undefined, 'the first request is complete')
    assert.equal(status.pending.at(-1)?.input_omitted, true)
    const { hello } = greetingWith([status, statusOf('b')])
    assert.deepEqual(
      read(hello).agents.map(({ agent_id }) => agent_id),
      ['a', 'b'],
    )
    asking.restart({ saved })
  }
})

test('if a few requests are too long in total, some are not listed, but the agent still counts as waiting for them', async (t) => {
  const asking = new AskingAgent(t)
  const command = 'x'.repeat(10_000_000)
  for (const id of ['one', 'two', 'three', 'four', 'five']) asking.says(asks(id, { command }))
  assert.deepEqual(
    asking.pending.map(({ request_id, input_omitted }) => [request_id, input_omitted]),
    ['one', 'two', 'three'].map((id) => [id, true]),
  )
  assert.equal(asking.agent.status().pending_omitted, 2)
  for (const { request_id, digest } of asking.pending)
    assert.equal(await asking.told('permission', { request_id, digest, decision: 'deny' }), undefined)
  assert.deepEqual([asking.agent.status().state, asking.agent.status().pending_omitted], ['waiting', 2])
  asking.says('{"type":"system","subtype":"session_state_changed","state":"idle"}\n')
  assert.deepEqual([asking.agent.status().state, asking.agent.status().pending_omitted], ['idle', undefined])
})

const long = (chars: number) => '\u0001'.repeat(chars)
const request = (n: number, input: Record<string, unknown>) => ({
  request_id: `r${n}`,
  digest: 'd',
  ask: 'tool' as const,
  tool: 'Bash',
  input,
})

test('if a greeting is too long, long lists of requests are shortened, but still contain many requests of each agent', () => {
  const many = Array.from({ length: 1000 }, (_, n) => request(n, { command: 'x'.repeat(900) }))
  const values = Array.from({ length: 1000 }, (_, n) => request(n, { list: Array(400).fill(1) }))
  const statuses = [
    statusOf('quiet', { title: 'Quiet' }),
    statusOf('asks', { state: 'waiting', pending: [request(0, { command: 'ls' })] }),
    ...Array.from({ length: 40 }, (_, n) => statusOf(`many-${n}`, { pending: many, pending_omitted: 5 })),
    statusOf('values', { pending: values }),
  ]
  const { hello, shortened } = greetingWith(statuses)
  const { agents } = read(hello)
  assert.deepEqual(
    agents.map(({ agent_id }) => agent_id),
    statuses.map(({ agent_id }) => agent_id),
  )
  assert.deepEqual(agents.slice(0, 2), statuses.slice(0, 2))
  for (const { agent_id, pending, pending_omitted = 0 } of agents.slice(2, -1)) {
    assert.equal(pending.length + pending_omitted, 1005, agent_id)
    assert.ok(pending.length > 500, agent_id)
  }
  assert.ok(!shortened.includes('quiet') && !shortened.includes('asks'))
})

test('a greeting lists ten thousand agents with fields of maximum length', () => {
  const statuses = Array.from({ length: Limits.agents }, (_, n) =>
    statusOf(`agent-${n}-${'x'.repeat(40)}`, {
      cwd: `/${long(500)}`,
      title: long(200),
      turn_interrupted: long(400),
      journal: 'j'.repeat(64),
      revision: Number.MAX_SAFE_INTEGER,
      end: Number.MAX_SAFE_INTEGER,
      pending: [request(n, { command: 'ls' })],
    }),
  )
  const { hello, shortened } = greetingWith(statuses)
  const { agents } = read(hello)
  assert.equal(new Set(agents.map(({ agent_id }) => agent_id)).size, Limits.agents)
  const short = agents.filter(({ title }) => title === undefined)
  assert.ok(short.length > Limits.agents / 2)
  for (const status of short)
    assert.ok(Buffer.byteLength(JSON.stringify({ ...status, pending: [] })) <= Limits.greeted_agent_bytes)
  for (const { agent_id } of short) assert.ok(shortened.includes(agent_id))
})

test('the parts that a shortened greeting omits follow after the welcome', async (t) => {
  const stage = await Stage.open(t)
  const server = await LightServer.open(t)
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  t.after(() => void child.kill('SIGKILL'))
  const agent = identify(child.pid!)
  const command = 'x'.repeat(15_000)
  const lines = Array.from({ length: 80 }, (_, n) => asks(`r${n}`, { command })).join('')
  const ids = Array.from({ length: 45 }, (_, n) => `asking-${n}`)
  mkdirSync(stage.state, { mode: 0o700 })
  for (const id of ids) {
    const { at, started } = leftAgent(`${stage.state}/agents`, id)
    writeFileSync(
      at('process.json'),
      JSON.stringify({ version: 1, run: 1, launcher: agent, agent, feeder: agent }),
    )
    started()
    appendFileSync(at('activity.jsonl'), lines)
  }
  server.daemon(stage)
  const caller = await server.caller()
  const hello = await caller.welcome()
  assert.deepEqual(new Set((hello.agents as AgentStatus[]).map(({ agent_id }) => agent_id)), new Set(ids))
  const withInput = (agents: unknown[]) =>
    (agents as AgentStatus[]).filter(
      ({ pending }) => pending.filter(({ input_omitted }) => !input_omitted).length > 60,
    )
  assert.equal(withInput(hello.agents as AgentStatus[]).length, 0)
  await until(
    () => {
      const whole = withInput(caller.ofType('agent:status'))
      return new Set(whole.map(({ agent_id }) => agent_id)).size === ids.length
    },
    { what: 'all statuses' },
  )
  assert.equal(server.callers.length, 1, 'in one connection')
})

test('a machine sends its statuses only as fast as its connection accepts them', async () => {
  const told: string[] = []
  const link = {
    isUp: true,
    get isBusy() {
      return told.length >= allowed
    },
    send(message: FromDaemon) {
      return told.push('agent_id' in message ? String(message.agent_id) : message.type) > 0
    },
  }
  let allowed = 3
  const statuses = new StatusSender(link)
  const agents = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, status: () => statusOf(id) }) as Agent)
  statuses.drop('gone')
  for (const agent of agents) statuses.onAgent(agent)
  await until(() => told.length === 3, { what: 'the first' })
  statuses.onAgent(agents[0]!)
  allowed = 100
  statuses.flush()
  assert.deepEqual(told, ['gone', 'a', 'b', 'c', 'd', 'e', 'a'])
})

test('a machine starts no agent that its greeting could not list', () => {
  checkKept(Limits.agents - 1)
  assert.throws(() => checkKept(Limits.agents), /This machine already has 10000 agents/)
})
