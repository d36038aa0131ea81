import assert from 'node:assert/strict'
import { test } from 'node:test'
import { delayOf } from '../../../src/cli/agent/outcome.ts'
import type { HubClient } from '../../../src/cli/client/hub-client.ts'
import { UserError } from '../../../src/platform/errors.ts'
import type { HubAgent } from '../../../src/protocol/index.ts'

const hub = (agent: HubClient['agent']) => ({
  agent,
  agents: () => Promise.reject(new Error('all agents of the hub were asked for')),
})

test('what an agent waits for is asked of that agent alone', async () => {
  const slow = { detail: 'A hook has run for 60 s.' }
  const client = hub(async (agent_id) => ({ agent_id, slow }) as HubAgent)
  assert.equal(await delayOf(client, 'a1'), slow.detail)
})

test('a hub that goes away after it has taken a start does not make the start fail', async () => {
  const client = hub(() => Promise.reject(new UserError('hub_unreachable', 'gone')))
  assert.equal(await delayOf(client, 'a1'), undefined)
})
