import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentId, delayOf } from '../../../src/cli/agent/outcome.ts'
import type { HubClient } from '../../../src/client/hub-client.ts'
import { UserError } from '../../../src/platform/errors.ts'
import type { HubAgent, HubMachine } from '../../../src/protocol/index.ts'

const hub = (agent: HubClient['agent']) => ({
  agent,
  agents: () => Promise.reject(new Error('the client requested all agents of the hub')),
})

test('the reason for a delay is fetched for one agent only', async () => {
  const slow = { detail: 'A hook has run for 60 s.' }
  const client = hub(async (agent_id) => ({ agent_id, slow }) as HubAgent)
  assert.equal(await delayOf(client, 'a1'), slow.detail)
})

test('a start does not fail if the hub ends after it has accepted the start', async () => {
  const client = hub(() => Promise.reject(new UserError('hub_unreachable', 'gone')))
  assert.equal(await delayOf(client, 'a1'), undefined)
})

test('a claimed agent is not confused with an agent whose id is longer but begins in the same way', async () => {
  const agent = (agent_id: string, machine_id: string, claimed?: boolean) =>
    ({ agent_id, machine_id, ...(claimed && { claimed }) }) as HubAgent
  const picked = (given: string, agents: HubAgent[], machine?: string) => {
    const machines = ['a', 'b'].map((machine_id) => ({ machine_id, hostname: machine_id }) as HubMachine)
    const client = { agentFields: async () => agents, machines: async () => machines, means() {} }
    return agentId(client as unknown as HubClient, given, machine)
  }
  const ordered = agent('fix-tests', 'a')
  const claim = agent('fix', 'b', true)
  await assert.rejects(picked('fix', [ordered, claim]), {
    code: 'agent_ambiguous',
    message: '"fix" could be fix of b or fix-tests of a.',
  })
  assert.equal(await picked('fix', [ordered, claim], 'a'), 'fix-tests')
  assert.equal(await picked('fix', [ordered, claim], 'b'), 'fix')
  assert.equal(await picked('fix-', [ordered, claim]), 'fix-tests')
  for (const others of [[agent('fix', 'b')], [claim, agent('fix', 'a')]])
    assert.equal(await picked('fix', [ordered, ...others]), 'fix')
  assert.equal(
    await picked('fix', [agent('fix-tests', 'b'), claim]),
    'fix',
    'both agents belong to one machine',
  )
})
