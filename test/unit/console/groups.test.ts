import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FleetAgent } from '../../../src/client/fleet-agent.ts'
import { AgentGroups } from '../../../src/console/fleet/agent-groups.ts'
import { agentKey } from '../../../src/console/fleet/fleet.ts'
import { filterIn, GROUPS, groupOf } from '../../../src/console/fleet/groups.ts'
import { needsOf } from '../../../src/protocol/needs.ts'

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
/** Returns the agents that a query shows, in the order of the page. */
function shownBy(agents: FleetAgent[], query: string): string[] {
  const groups = new AgentGroups(new Map(agents.map((each) => [agentKey(each), each])))
  for (const each of agents) groups.replace(undefined, each)
  const filter = filterIn(new URLSearchParams(query))
  groups.select(filter)
  return GROUPS.filter((group) => filter.groups.size === 0 || filter.groups.has(group)).flatMap((group) =>
    groups.of(group).map(({ agent_id }) => agent_id),
  )
}

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

test('an agent that has ended is with the ended agents even if its last turn failed, as in notifications', () => {
  const exited = (about: Partial<FleetAgent>) => agent({ state: 'exited', ...about })
  const turn_failed = { outcome: 'error' }
  for (const about of [
    { turn_failed },
    { limited: {} },
    { limited: {}, exit: { reason: 'stopped' as const } },
  ])
    assert.equal(groupOf(exited(about)), 'ended')
  assert.equal(groupOf(exited({ restart_held_until: '2026-01-01T01:00:00Z' })), 'failed')
  assert.equal(groupOf(agent({ state: 'stopping', turn_failed })), 'working')
  // An agent that needs a person is in the group of the same name.
  const states = ['starting', 'idle', 'working', 'waiting', 'stopping', 'exited', 'failed'] as const
  const details = [
    {},
    { turn_failed },
    { limited: {} },
    { restart_held_until: 'later' },
    { pending: [request] },
  ]
  for (const state of states)
    for (const about of details) {
      const each = agent({ state, ...about })
      const group = { permission: 'waiting', question: 'waiting' } as Record<string, string>
      for (const { kind } of needsOf(each)) assert.equal(groupOf(each), group[kind] ?? kind)
    }
})

test('the address selects agents by words, group, and machine', () => {
  const agents = [
    agent({ agent_id: 'fix-tests', title: 'Fix the Tests', state: 'working' }),
    agent({ agent_id: 'docs', machine_id: 'm-2', machine_name: 'build-7' }),
    agent({ agent_id: 'old', state: 'exited' }),
  ]
  const shown = (query: string) => shownBy(agents, query)
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
  assert.deepEqual(shownBy(agents, ''), ['a-1', 'a-3', 'a-0', 'a-2'])
})

test('agents that change or go leave the others in order, with any filter', () => {
  const all = new Map<string, FleetAgent>()
  const groups = new AgentGroups(all)
  const set = (before: FleetAgent | undefined, after: FleetAgent | undefined) => {
    groups.replace(before, after)
    if (after) all.set(agentKey(after), after)
    else if (before) all.delete(agentKey(before))
  }
  const named = (n: number, about: Partial<FleetAgent> = {}) =>
    agent({ agent_id: `a-${n}`, since: `2026-01-0${n}T00:00:00Z`, ...about })
  const [one, two, three] = [named(1), named(2, { title: 'find me' }), named(3)]
  for (const each of [two, three, one]) set(undefined, each)
  const ids = (group: 'idle' | 'working') => groups.of(group).map(({ agent_id }) => agent_id)
  assert.deepEqual(ids('idle'), ['a-3', 'a-2', 'a-1'])
  const works = { ...three, state: 'working' as const }
  set(three, works)
  assert.deepEqual([ids('idle'), ids('working')], [['a-2', 'a-1'], ['a-3']])
  groups.select(filterIn(new URLSearchParams('q=find')))
  assert.deepEqual(ids('idle'), ['a-2'])
  set(works, { ...works, title: 'find me, too' })
  set(two, undefined)
  assert.deepEqual([ids('idle'), ids('working')], [[], ['a-3']])
  groups.select(filterIn(new URLSearchParams()))
  assert.deepEqual([ids('idle'), ids('working'), groups.count('m-1')], [['a-1'], ['a-3'], 2])
})
