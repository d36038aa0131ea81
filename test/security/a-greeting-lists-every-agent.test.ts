import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkKept } from '../../src/agents/checks.ts'
import { greet } from '../../src/daemon/greeting.ts'
import { type AgentStatus, type Hello, Limits, parseFromDaemon } from '../../src/protocol/index.ts'
import { AskingAgent, asks } from '../support/asking-agent.ts'
import { helloOf, statusOf } from '../support/light-daemon.ts'

const { machine, machine_id, started_at } = helloOf()
const greetingWith = (agents: AgentStatus[]) => greet({ machine, machine_id, started_at, agents })

/** The greeting as a server reads it. */
function read(hello: Hello): Hello {
  const text = JSON.stringify(hello)
  assert.ok(Buffer.byteLength(text) <= Limits.frame_bytes, `${text.length} characters`)
  const parsed = parseFromDaemon(text)
  assert.ok(parsed.ok && parsed.message.type === 'machine:hello', JSON.stringify(parsed).slice(0, 500))
  return parsed.message
}

test('an agent that asks without end does not keep its machine away', (t) => {
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
    assert.equal(status.pending[0]?.input_omitted, undefined, 'the first is there in full')
    assert.equal(status.pending.at(-1)?.input_omitted, true)
    const { hello } = greetingWith([status, statusOf('b')])
    assert.deepEqual(
      read(hello).agents.map(({ agent_id }) => agent_id),
      ['a', 'b'],
    )
    asking.restart({ saved })
  }
})

test('few requests that are long are bounded as well, and what is not listed is not forgotten', async (t) => {
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

test('only what agents wait for is cut where that is enough, and all of them get a share', () => {
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

test('ten thousand agents with the longest of everything are all listed, each within its limit', () => {
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

test('a machine starts no agent that its greeting could not list', () => {
  checkKept(Limits.agents - 1)
  assert.throws(() => checkKept(Limits.agents), /This machine keeps 10000 agents/)
})
