import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Snapshot } from '../../../src/agents/disk/records.ts'
import type { Stimulus } from '../../../src/agents/state/lifecycle.ts'
import { move as moveState, reduce } from '../../../src/agents/state/reduce.ts'
import { LongTurns } from '../../../src/daemon/long-turns.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import type { Event } from '../../../src/protocol/index.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'

const MINUTE_MS = 60_000
/** Interval between checks of a daemon, in ms. */
const CHECK_MS = 15_000

/** An agent that has just begun a turn. */
async function working(t: TestContext, turns: object) {
  const it = shellAgents(t)
  assert.equal(await it.start('a', {}).result, 'started')
  const agent = it.agents.get('a')
  const policy = PolicyFile.parse({ version: 1, turns })
  const daemon = (agents = it.agents) => {
    const long = new LongTurns({ agents, policy: () => policy, clock: it.clock, logger: memoryLog().logger })
    agents.events.on('change', (changed) => long.onChange(changed))
    return long
  }
  const first = daemon()
  const move = (stimulus: Stimulus) => {
    moveState(agent.snapshot as Snapshot, stimulus, new Date(it.clock.now()).toISOString())
    agent.touch()
  }
  move('running')
  /** Lets time pass while a daemon is running. */
  const pass = (minutes: number, turns = first) => {
    for (let ms = 0; ms < minutes * MINUTE_MS; ms += CHECK_MS) {
      it.clock.pass(CHECK_MS)
      turns.check()
    }
  }
  const problems = () => agent.status().problems ?? []
  const inputs: string[] = []
  agent.inbox.events.on('put', ({ line }) => inputs.push(line))
  return { ...it, agent, move, daemon, pass, turns: first, problems, inputs }
}

const event = (fields: object) => ({ offset: 0, index: 0, ...fields }) as Event

test('a long turn is reported as a problem of its agent until the turn ends, and the report names the tool in use', async (t) => {
  const { turns, agent, pass, move, problems } = await working(t, { report_after_min: 30 })
  const use = (id: string, tool: string) =>
    turns.onEvent(event({ kind: 'tool_use', tool_use_id: id, tool, input: {} }), agent)
  use('1', 'Read')
  turns.onEvent(event({ kind: 'tool_result', tool_use_id: '1', is_error: false, content: '' }), agent)
  use('2', 'Bash')
  pass(29)
  assert.deepEqual(problems(), [])
  pass(1)
  const detail = 'It has worked for more than 30 minutes, and is using the tool Bash.'
  assert.deepEqual(problems(), [{ kind: 'turn', name: 'turn', status: 'long', detail }])
  move('idle')
  turns.check()
  assert.deepEqual(problems(), [])
})

test('the time that an agent waits for a person does not count', async (t) => {
  const { turns, pass, move, problems } = await working(t, { report_after_min: 30 })
  pass(29)
  move('waiting')
  pass(1000)
  move('running')
  turns.check()
  assert.deepEqual(problems(), [])
})

test('a turn that asks a person again and again also counts as long, and is interrupted once', async (t) => {
  const { turns, pass, move, problems, inputs } = await working(t, {
    report_after_min: 30,
    interrupt_after_min: 40,
  })
  for (let i = 0; i < 10; i++) {
    pass(5)
    move('waiting')
    pass(100)
    assert.equal(problems().length, i < 5 ? 0 : 1, `after ${(i + 1) * 5} minutes`)
    move('running')
  }
  assert.equal(inputs.length, 1)
  move('idle')
  move('running')
  turns.check()
  assert.deepEqual(problems(), [])
})

test('a turn that takes too long is interrupted once, even if the daemon restarts, and the agent’s status has the reason', async (t) => {
  const { turns, agent, pass, daemon, inputs } = await working(t, { interrupt_after_min: 60 })
  pass(59)
  assert.equal(agent.status().turn_interrupted, undefined)
  pass(1)
  turns.check()
  daemon().check()
  assert.deepEqual(
    inputs.map((line) => JSON.parse(line).request.subtype),
    ['interrupt'],
  )
  assert.equal(
    agent.status().turn_interrupted,
    "The machine's policy interrupted the agent's turn after 60 minutes.",
  )
})

test('if prompts are queued, each turn is timed and interrupted separately', async (t) => {
  const { agent, clock, pass, inputs } = await working(t, { interrupt_after_min: 60 })
  const ends = () => {
    const result = event({ kind: 'turn_result', outcome: 'success', is_error: false, offset: 1 })
    reduce(agent.snapshot as Snapshot, result, undefined, new Date(clock.now()).toISOString())
    agent.touch()
  }
  pass(59)
  ends()
  pass(59)
  assert.equal(inputs.length, 0)
  pass(1)
  assert.equal(inputs.length, 1)
  ends()
  pass(60)
  assert.equal(inputs.length, 2)
})

for (const [what, jumpMs] of [
  ['sleep of the machine', 8 * 60 * MINUTE_MS],
  ['clock that is set back', -8 * 60 * MINUTE_MS],
] as const)
  test(`a ${what} neither adds to the time of a turn nor reduces it`, async (t) => {
    const { turns, clock, pass, move, inputs } = await working(t, { interrupt_after_min: 60 })
    pass(30)
    clock.jump(jumpMs)
    turns.check()
    move('waiting')
    move('running')
    pass(29)
    assert.equal(inputs.length, 0)
    pass(1)
    assert.equal(inputs.length, 1)
  })

test('time in which the daemon is frozen together with its agent does not count', async (t) => {
  const { turns, clock, pass, inputs } = await working(t, { interrupt_after_min: 60 })
  pass(30)
  clock.pass(8 * 60 * MINUTE_MS)
  turns.check()
  pass(28)
  assert.equal(inputs.length, 0)
  pass(2)
  assert.equal(inputs.length, 1)
})

test('a turn that began to wait for a person while no daemon was running is not interrupted', async (t) => {
  const { agents, again, clock, daemon, agent, pass } = await working(t, { interrupt_after_min: 60 })
  pass(30)
  agents.save(agent)
  agents.close()
  appendFileSync(
    agent.folder.journal,
    '{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{}}}\n',
  )
  clock.pass(180 * MINUTE_MS)
  const next = again()
  const turns = daemon(next)
  const same = next.get('a')
  const inputs: string[] = []
  same.inbox.events.on('put', ({ kind }) => inputs.push(kind))
  turns.check()
  pass(180, turns)
  assert.deepEqual([same.status().state, inputs], ['waiting', []])
  same.answer(same.status().pending[0]!, same.runtime.prompt('answer', 'yes', undefined))
  pass(30, turns)
  assert.deepEqual(inputs, ['prompt', 'control'])
})

test('a turn that began under an earlier version is timed, too', async (t) => {
  const { agents, again, agent, daemon, pass } = await working(t, { report_after_min: 30 })
  agents.save(agent)
  agents.close()
  const { snapshot, ...cursor } = JSON.parse(readFileSync(agent.folder.cursor, 'utf8'))
  writeFileSync(
    agent.folder.cursor,
    JSON.stringify({ ...cursor, snapshot: { ...snapshot, turn: undefined } }),
  )
  const next = again()
  const turns = daemon(next)
  const same = next.get('a')
  turns.check()
  pass(29, turns)
  assert.equal(same.longTurn, undefined)
  pass(1, turns)
  assert.equal(same.longTurn, 'It has worked for more than 30 minutes.')
})

test('the time of a turn without output is saved once a minute', async (t) => {
  const { agent, agents, again, pass } = await working(t, {})
  agent.save()
  let saved = 0
  for (let quarter = 0; quarter < 40; quarter++) {
    pass(0.25)
    if (agent.save()) saved++
  }
  assert.equal(saved, 10)
  agents.close()
  assert.equal(again().get('a').snapshot.turn?.worked_ms, 10 * MINUTE_MS)
})
