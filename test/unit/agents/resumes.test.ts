import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { until } from '../../support/wait.ts'

test('if two agents are resumed at once, only one of them gets the last place', async (t) => {
  const it = shellAgents(t, {
    permit: (spec, _path, begun) => {
      if (begun && begun.running >= 2) throw new CommandFailure('policy', 'Two agents run already.')
      return { spec, inherits: () => true, startup: { isTrusted: () => true, others: 'ask' } }
    },
  })
  for (const id of ['one', 'two']) {
    assert.equal(await it.start(id, {}).result, 'started')
    await it.agents.stop(it.agents.get(id), { commandId: `stop-${id}` })
  }
  assert.equal(await it.start('running', {}).result, 'started')
  const resumed = await Promise.allSettled(
    ['one', 'two'].map((id) => it.agents.resume(it.agents.get(id), `resume-${id}`)),
  )
  assert.deepEqual(resumed.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await until(() => ['one', 'two'].some((id) => it.agents.get(id).isReady && !it.agents.get(id).hasEnded))
})
