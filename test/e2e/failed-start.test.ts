import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeStage } from '../support/fake-agent.ts'
import type { Stage } from '../support/stage.ts'

// An agent whose program ends before it is ready keeps its session and the prompts that wait for it.

async function open(t: Parameters<typeof fakeStage>[0]) {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const memory = join(stage.env.HOME!, '.fake-agent')
  mkdirSync(memory, { recursive: true })
  const broken = join(memory, 'broken')
  return { stage, breakIt: (why: string) => writeFileSync(broken, why), mend: () => rmSync(broken) }
}

const said = (stage: Stage, agent: string, text: string) =>
  stage.eventually(agent, 'text', (event) => event.text === text)

test('an agent keeps its session after a failed resume, and the reason for the failure is shown only for the failed run', async (t) => {
  const { stage, breakIt, mend } = await open(t)
  const agent = await stage.start({ prompt: 'first' })
  await stage.eventually(agent, 'turn_result')
  const { session_id } = await stage.agentIs(agent, 'idle')
  await stage.command(agent, 'stop')
  const lost = '00000000-0000-4000-8000-000000000000'

  const refused = await stage.command(agent, 'resume', { session_id: lost })
  assert.equal(refused.error?.message, `No conversation found with session ID: ${lost}`)
  assert.equal((await stage.agentIs(agent, 'failed')).session_id, session_id)
  breakIt('The license has run out.')
  assert.equal((await stage.command(agent, 'resume')).error?.message, 'The license has run out.')
  const failed = await stage.agentIs(agent, 'failed')
  assert.deepEqual([failed.session_id, failed.failure?.message], [session_id, 'The license has run out.'])

  mend()
  assert.equal((await stage.command(agent, 'resume', { prompt: 'second' })).state, 'succeeded')
  await said(stage, agent, 'second')
  assert.equal((await stage.agentIs(agent, 'idle')).session_id, session_id)
})

test('an agent whose first start failed can be resumed after the cause was fixed, and keeps its prompt', async (t) => {
  const { stage, breakIt, mend } = await open(t)
  breakIt('Root may not.')
  const failed = await stage.api<{ agent_id: string; error?: { message: string } }>('POST', '/api/agents', {
    spec: { cwd: stage.cwd, prompt: 'the first words' },
  })
  const agent = failed.agent_id
  assert.equal(failed.error?.message, 'Root may not.')
  assert.equal((await stage.agentIs(agent, 'failed')).session_id, undefined)
  // The daemon does not try forever to resume a missing session.
  mend()
  const lost = '00000000-0000-4000-8000-000000000001'
  assert.equal((await stage.command(agent, 'resume', { session_id: lost })).error?.code, 'start_failed')
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  await said(stage, agent, 'the first words')
  assert.equal((await stage.agentIs(agent, 'idle')).undelivered_prompts, 0)
})
