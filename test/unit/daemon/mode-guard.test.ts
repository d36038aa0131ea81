import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ModeGuard } from '../../../src/daemon/mode-guard.ts'
import { PolicyFile } from '../../../src/policy/schema.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { shellAgents } from '../../support/shell-agents.ts'
import { until } from '../../support/wait.ts'

test('an agent in a forbidden mode is stopped by signals if a full disk prevents a change of the mode', async (t) => {
  const it = shellAgents(t)
  assert.equal(await it.start('a', {}).result, 'started')
  const agent = it.agents.get('a')
  const policy = PolicyFile.parse({ version: 1 })
  const { logger } = memoryLog()
  const modes = new ModeGuard({ agents: it.agents, policy: () => policy, logger })
  agent.inbox.put = () => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  }
  Object.assign(agent.snapshot, { permission_mode: 'bypassPermissions' })
  modes.check(agent)
  const detail = await until(() => agent.status().exit?.detail)
  assert.match(detail, /does not permit the agent's permission mode bypassPermissions/)
})
