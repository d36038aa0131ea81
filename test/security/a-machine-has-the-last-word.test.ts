import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CommandError, HubAgent, Outcome } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

type Refusable = Outcome & { error?: CommandError }

async function ruled(t: TestContext, text = '') {
  const file = join(tempDir(t), 'policy.toml')
  const write = (next: string) => writeFileSync(file, `version = 1\n${next}\n`, { mode: 0o600 })
  write(text)
  const stage = await fakeStage(t, { FOMULAR_POLICY: file })
  await stage.hub()
  await stage.daemon()
  const start = (spec: object = {}) =>
    stage.api<Refusable>('POST', '/api/agents', { spec: { cwd: stage.cwd, ...spec } })
  return { stage, write, start }
}

const DENIED = '[folders]\nallow = ["/srv"]'

test('if a server orders many starts at once, only as many agents start as the policy permits', async (t) => {
  const { start } = await ruled(t, '[limits]\nagents = 2')
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => start()))
  const refused = outcomes.filter(({ state }) => state !== 'succeeded')
  assert.equal(refused.length, 6)
  for (const { error } of refused) assert.deepEqual([error?.code, error?.path], ['policy', 'limits.agents'])
})

test('no restart policy starts an agent again if the machine’s policy no longer permits it', async (t) => {
  const { stage, write } = await ruled(t)
  const agent = await stage.start({ restart: { policy: 'on-loss' } })
  const { pid } = await stage.agentIs(agent, 'idle')
  write(DENIED)
  process.kill(pid!, 'SIGKILL')
  const { run, failure, restart_held_until } = await stage.agentIs(
    agent,
    ({ failure }) => failure !== undefined,
  )
  assert.deepEqual([run, failure?.code], [1, 'policy'])
  assert.ok(restart_held_until)
  assert.deepEqual(stage.agentProcesses(agent), [])
})

test('a queued run never starts if the policy now forbids it, even after a new daemon takes over', async (t) => {
  const { stage, write, start } = await ruled(t)
  const memory = join(stage.env.HOME!, '.fake-agent')
  mkdirSync(memory, { recursive: true })
  writeFileSync(join(memory, 'slow'), '')
  const starts = Array.from({ length: 12 }, () => start())
  for (const each of starts) each.catch(() => {})
  const queued = await until(async () => {
    const { agents } = await stage.api<{ agents: HubAgent[] }>('GET', '/api/agents')
    const waiting = agents.filter(({ queued }) => queued).map(({ agent_id }) => agent_id)
    return agents.length === 12 && waiting.length > 0 && waiting
  })
  write(DENIED)
  await stage.renew()
  rmSync(join(memory, 'slow'))
  for (const agent of queued) {
    const { failure } = await stage.agentIs(agent, 'failed')
    assert.equal(failure?.code, 'policy')
    assert.deepEqual(stage.agentProcesses(agent), [])
  }
})
