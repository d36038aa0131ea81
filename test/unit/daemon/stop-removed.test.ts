import assert from 'node:assert/strict'
import { test } from 'node:test'
import { carryOutWith } from '../../support/command-context.ts'
import { shellAgents } from '../../support/shell-agents.ts'

for (const removed of [true, false])
  test(`a stop that fails ${removed ? 'because the agent was removed says so' : 'for another reason gives it'}`, async (t) => {
    const { agents, start } = shellAgents(t)
    assert.equal(await start('a', {}).result, 'started')
    const agent = agents.get('a')
    const { stop } = agents
    agents.stop = async () => {
      agents.stop = stop
      if (removed) {
        await agents.stop(agent, { commandId: 'other', graceS: 0 })
        await agents.remove(agent)
      }
      throw Object.assign(new Error("ENOENT: no such file or directory, open 'run.json'"), { code: 'ENOENT' })
    }
    const { confirmed } = await carryOutWith(agents, {
      type: 'agent:stop',
      command_id: 'stop-a',
      agent_id: 'a',
    })
    await assert.rejects(confirmed, { code: removed ? 'agent_not_found' : 'ENOENT' })
  })
