import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FleetAgent } from '../../../src/client/follow-fleet.ts'
import { filterIn, grouped, groupOf } from '../../../src/console/fleet/groups.ts'

const agent = (about: Partial<FleetAgent>): FleetAgent => ({
  agent_id: 'a-1',
  machine_id: 'm-1',
  revision: 1,
  state: 'idle',
  since: '2026-01-01T00:00:00.000Z',
  runtime: 'claude',
  cwd: '/srv/project',
  run: 1,
  pending: [],
  undelivered_prompts: 0,
  connected: true,
  ...about,
})
const request = { request_id: 'r', ask: 'tool' as const, tool: 'Bash', input: {} }

test('an agent is in the group that tells a person what to do about it', () => {
  assert.equal(groupOf(agent({ pending: [request], state: 'working' })), 'waiting')
  assert.equal(groupOf(agent({ pending_omitted: 3, state: 'waiting' })), 'waiting')
  assert.equal(groupOf(agent({ state: 'failed' })), 'failed')
  assert.equal(groupOf(agent({ turn_failed: { outcome: 'error_max_turns' } })), 'failed')
  assert.equal(groupOf(agent({ turn_failed: { outcome: 'error' }, limited: {} })), 'limited')
  assert.equal(groupOf(agent({ state: 'starting', queued: { since: 'now' } })), 'queued')
  assert.equal(groupOf(agent({ state: 'starting' })), 'working')
  assert.equal(groupOf(agent({ background_tasks: [{ task_id: 't' }] })), 'working')
  assert.equal(groupOf(agent({})), 'idle')
  assert.equal(groupOf(agent({ state: 'exited' })), 'ended')
  assert.equal(groupOf(agent({ gone: true, pending: [request] })), 'ended')
})

test('the address selects agents by words, group, and machine', () => {
  const agents = [
    agent({ agent_id: 'fix-tests', title: 'Fix the Tests', state: 'working' }),
    agent({ agent_id: 'docs', machine_id: 'm-2', machine_name: 'build-7' }),
    agent({ agent_id: 'old', state: 'exited' }),
  ]
  const shown = (query: string) =>
    [...grouped(agents, filterIn(new URLSearchParams(query))).values()].flat().map((each) => each.agent_id)
  assert.deepEqual(shown(''), ['fix-tests', 'docs', 'old'])
  assert.deepEqual(shown('q=tests+FIX'), ['fix-tests'])
  assert.deepEqual(shown('q=build-7'), ['docs'])
  assert.deepEqual(shown('show=ended,idle'), ['docs', 'old'])
  assert.deepEqual(shown('machine=m-2'), ['docs'])
  assert.deepEqual(shown('show=nonsense'), ['fix-tests', 'docs', 'old'])
})

test('in a group, the latest change comes first', () => {
  const agents = ['2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z', 'nonsense', '2026-01-02T00:00:00Z'].map(
    (since, index) => agent({ agent_id: `a-${index}`, since }),
  )
  const { idle } = Object.fromEntries(grouped(agents, filterIn(new URLSearchParams())))
  assert.deepEqual(
    idle?.map((each) => each.agent_id),
    ['a-1', 'a-3', 'a-0', 'a-2'],
  )
})
