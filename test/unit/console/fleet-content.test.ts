import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FleetContent } from '../../../src/console/fleet/fleet-content.ts'
import type { HubAgent, HubMachine } from '../../../src/protocol/index.ts'

const machine = (machine_id: string) => ({
  type: 'machine' as const,
  machine: { machine_id, hostname: machine_id } as HubMachine,
})
const agent = (agent_id: string, title = '') => ({
  type: 'agent' as const,
  agent: { machine_id: 'one', agent_id, title, state: 'idle', since: '', pending: [] } as unknown as HubAgent,
})

test('when the hub sends everything again, what it names stays, and the rest goes at the end', () => {
  const content = new FleetContent()
  for (const change of [machine('one'), machine('two'), agent('a'), agent('b')]) content.apply(change)
  content.apply({ type: 'current' })
  content.apply({ type: 'reset' })
  const shown = () => [
    [...content.machines.keys()],
    content.groups.of('idle').map(({ agent_id, title }) => `${agent_id} ${title}`),
  ]
  assert.deepEqual(shown(), [
    ['one', 'two'],
    ['a ', 'b '],
  ])
  content.apply(machine('one'))
  content.apply(agent('b', 'again'))
  content.apply({ type: 'current' })
  assert.deepEqual(shown(), [['one'], ['b again']])
  assert.equal(content.groups.count('one'), 1)
  content.apply({ type: 'current' })
  assert.deepEqual(shown(), [['one'], ['b again']])
})
