import assert from 'node:assert/strict'
import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import type { AgentPoolOptions } from '../../../src/agents/agent-pool-options.ts'
import { Answers } from '../../../src/daemon/answers.ts'
import { CommandLog } from '../../../src/daemon/command-log.ts'
import { hasBegun } from '../../../src/daemon/has-begun.ts'
import { SignatureGuard } from '../../../src/daemon/signature-guard.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import type { Command, CommandResult } from '../../../src/protocol/index.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { person, signedBy } from '../../support/signing.ts'
import { tempDir } from '../../support/temp.ts'

const alice = person(-10 * 60_000)

function guard(t: TestContext, keys: string[], options: Partial<AgentPoolOptions> = {}) {
  const it = shellAgents(t, options)
  const policy = PolicyFile.parse({ version: 1, signed_by: keys })
  const state = { from: 'file', path: '/policy.toml', policy } as const
  const open = (agents = it.agents) =>
    new SignatureGuard({
      current: { state, lastRead: state },
      machineId: 'm-1',
      clock: systemClock,
      hasBegun: (command) => hasBegun(agents, command),
      counted: (failure) => failure,
    })
  return { ...it, open }
}

test('a signed start that has begun can be repeated after its expiry, even to the next daemon', async (t) => {
  const { open, start, again, agents } = guard(t, [alice.key])
  const command = (agent_id: string): Command => ({
    type: 'agent:start',
    command_id: `start-${agent_id}`,
    agent_id,
    spec: { runtime: 'claude', cwd: '/' },
  })
  const [begun, other] = [
    await signedBy(alice, command('a'), 'm-1'),
    await signedBy(alice, command('b'), 'm-1'),
  ]
  assert.throws(() => open().admit(begun), /has expired/)
  assert.equal(await start('a', {}).result, 'started')
  assert.ok(open().admit(begun).command)
  assert.throws(() => open().admit(other), /has expired/)
  assert.throws(() => open().admit({ ...begun, signed: undefined } as never), /without a signature/)
  agents.close()
  assert.ok(open(again()).admit(begun).command)
})

test('a flood of commands does not make the machine forget an update that a person has signed', async (t) => {
  const path = join(tempDir(t), 'ledger.jsonl')
  const update: CommandResult = { type: 'daemon:update:result', command_id: 'u-1', ok: true }
  const log = new CommandLog(path)
  await log.record(update, guard(t, [alice.key]).open().untilOfOthers())
  log.close()
  const flood = { type: 'agent:stop:result', ok: true }
  const lines = Array.from(
    { length: 25_000 },
    (_, n) => `\n${JSON.stringify({ version: 1, result: { ...flood, command_id: `c-${n}` } })}`,
  )
  appendFileSync(path, lines.join(''))
  const next = new CommandLog(path)
  t.after(() => next.close())
  assert.deepEqual(next.get('u-1'), update)
  assert.equal(guard(t, []).open().untilOfOthers(), undefined)
})

/** Daemons with a common command log, which record removals. */
function removing(t: TestContext, options: Partial<AgentPoolOptions> = {}) {
  const path = join(tempDir(t), 'ledger.jsonl')
  const sent: CommandResult[] = []
  const daemon = () => {
    const commandLog = new CommandLog(path)
    t.after(() => commandLog.close())
    const link = { send: (result: CommandResult) => sent.push(result) } as never
    return new Answers({ commandLog, link, logger: memoryLog().logger })
  }
  const answers = daemon()
  const inFolder: boolean[] = []
  const onRemoval = async (agent: Agent) => {
    await answers.onRemoved(agent)
    inFolder.push(existsSync(agent.folder.spec))
  }
  return { ...guard(t, [], { onRemoval, ...options }), answers, daemon, sent, inFolder }
}

const removed = {
  type: 'agent:start:result',
  command_id: 'start-a',
  ok: false,
  error: { code: 'interrupted', message: 'a was removed before its start was answered.' },
}

test('a start that was not answered before its agent was removed is answered, and cannot be repeated', async (t) => {
  const { start, agents, answers, daemon, sent, inFolder } = removing(t)
  const answered: CommandResult = { type: 'agent:start:result', command_id: 'start-b', ok: true }
  await answers.give(answered)
  for (const id of ['a', 'b']) {
    assert.equal(await start(id, {}).result, 'started')
    const agent = agents.get(id)
    await agents.stop(agent, { commandId: `stop-${id}`, graceS: 0 })
    await agents.remove(agent)
  }
  // The answer is on the disk before the folder is deleted, in case the daemon is killed in between.
  assert.deepEqual(inFolder, [true, true])
  assert.deepEqual(sent.splice(0), [answered, removed])
  const next = daemon()
  for (const id of ['start-a', 'start-b']) assert.ok(next.repeat(id))
  assert.deepEqual(sent, [removed, answered])
})

test('a start whose agent’s folder was deleted cannot be repeated', async (t) => {
  const { start, agents, daemon } = removing(t)
  assert.equal(await start('a', {}).result, 'started')
  const agent = agents.get('a')
  await agents.stop(agent, { commandId: 'stop-a', graceS: 0 })
  rmSync(agent.folder.dir, { recursive: true })
  agents.check(agent)
  assert.ok(daemon().repeat('start-a'))
})

test('the agent of a failed start is deleted without an answer that says that it was removed', async (t) => {
  const shelter = () => Promise.reject(new Error('There is no shelter.'))
  const { start, sent, agents } = removing(t, { shelter })
  await assert.rejects(start('a', {}).result, /There is no shelter/)
  assert.deepEqual([[...agents], sent], [[], []])
})
