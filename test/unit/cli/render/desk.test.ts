import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WaitingRequests } from '../../../../src/cli/agent/desk/waiting.ts'
import { leaveIn } from '../../../../src/cli/agent/leave.ts'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { askerText, awayText, countOf, idleText, waitingTable } from '../../../../src/cli/render/desk.ts'
import type { FleetAgent } from '../../../../src/client/fleet-agent.ts'
import type { PermissionRequest } from '../../../../src/protocol/index.ts'
import { requestFor } from '../../../support/scripted-agent.ts'

const NOW = Date.parse('2026-01-01T00:10:00Z')
const plain = colors(false)

const agent = (agent_id: string, rest: Partial<FleetAgent> = {}): FleetAgent => ({
  agent_id,
  machine_id: 'm',
  machine_name: 'vm',
  connected: true,
  revision: 1,
  state: 'waiting',
  since: '2026-01-01T00:00:00Z',
  runtime: 'claude',
  cwd: '/srv',
  run: 1,
  pending: [],
  undelivered_prompts: 0,
  ...rest,
})

test('the desk names what each request waits for', () => {
  const requests: PermissionRequest[] = [
    requestFor('1', {}, { tool: 'Bash' }),
    requestFor('2', {}, { ask: 'plan' }),
    requestFor('3', {}, { ask: 'question' }),
    requestFor('4', {}, { ask: 'question', form: { server: 's', message: 'm', fields: [] } }),
    requestFor('5', {}, { tool: 'TrustRepository' }),
  ]
  const waiting = requests.map((request) => ({ agent: agent('a'), request }))
  assert.equal(
    waitingTable(waiting, NOW, plain, 80),
    `  AGENT  MACHINE  WAITS FOR          FOR     FOLDER
  a      vm       Bash               10 min  /srv
  a      vm       a plan             10 min  /srv
  a      vm       a question         10 min  /srv
  a      vm       a form             10 min  /srv
  a      vm       trust in a folder  10 min  /srv`,
  )
})

test('the line about the agent of a request cannot be imitated or hide anything', () => {
  const cwd = `/srv/${'x'.repeat(60)}\n? asks to use Bash: ls\u202e`
  const rows = askerText(agent('a', { cwd, machine_name: 'v\nm' }), 2, NOW, plain, 60).split('\n')
  assert.match(rows[0]!, /^— a on v m, in \/srv\/x+$/)
  assert.ok(rows.slice(1).every((row) => row.startsWith('  ↳ ')))
  assert.match(rows.join(''), /⟨U\+202E⟩(?: {2}↳ )?, waits for 10 min \(2 more\)$/)
})

test('the line of an idle desk fits the terminal', () => {
  const working = Array.from({ length: 9 }, (_, n) => agent(`agent-${n}`, { machine_name: `machine-${n}` }))
  assert.equal(idleText([], 0, undefined, 80), 'Nothing waits for you. No agent works.')
  assert.equal(idleText([agent('a')], 2, undefined, 80), 'You skipped 2. Working: a (vm).')
  assert.match(idleText(working, 0, undefined, 200), /agent-4 \(machine-4\), 4 more\.$/)
  assert.equal(idleText(working, 0, undefined, 70).length, 70)
})

test('requests of machines that are not connected are shown, with the reason why nobody can answer them', () => {
  const requests = new WaitingRequests(undefined)
  const away = (id: string, rest: Partial<FleetAgent>) =>
    requests.apply({ type: 'agent', agent: agent(id, { connected: false, ...rest }) })
  away('a', { pending: [requestFor('1', {})] })
  assert.equal(awayText(requests.away()), '1 request must wait: vm is not connected.')
  away('b', { machine_id: 'n', machine_name: 'other', pending_omitted: 2 })
  const text = '3 requests must wait: vm and 1 more are not connected.'
  assert.equal(awayText(requests.away()), text)
  assert.equal(idleText([], 0, text, 80), text)
  assert.equal(idleText([agent('c')], 1, text, 200), `You skipped 1. ${text} Working: c (vm).`)
  assert.deepEqual([awayText([]), requests.all()], [undefined, []])
})

test('an agent whose status leaves out its requests waits like any other agent', () => {
  const requests = new WaitingRequests(undefined)
  requests.apply({ type: 'agent', agent: agent('a', { pending_omitted: 3 }) })
  requests.apply({ type: 'agent', agent: agent('b', { pending: [requestFor('1', {})], pending_omitted: 1 }) })
  assert.equal(countOf(requests.all()), 5)
  assert.match(
    waitingTable(requests.all(), NOW, plain, 80),
    /a +vm +3 not listed .*\n.*b +vm +Bash .*\n.*b +vm +1 not listed/,
  )
})

test('requests are ordered by their age, and only those that can be answered now count', () => {
  const requests = new WaitingRequests(undefined)
  const pending = (name: string) => [requestFor(name, {})]
  const of = (found: FleetAgent) => requests.apply({ type: 'agent', agent: found })
  of(agent('late', { pending: pending('1'), since: '2026-01-01T00:05:00Z' }))
  of(agent('early', { pending: pending('2') }))
  of(agent('same', { pending: pending('3'), since: '2026-01-01T00:06:00Z' }))
  of(agent('same', { pending: pending('3'), since: '2026-01-01T00:07:00Z', machine_id: 'n' }))
  of(agent('away', { pending: pending('4'), connected: false }))
  of(agent('gone', { pending: pending('5'), gone: true }))
  const ids = () => requests.all().map(({ agent }) => agent.agent_id)
  assert.deepEqual(ids(), ['early', 'late', 'same', 'same'])
  assert.equal(new Set(requests.all().map(({ key }) => key)).size, 4)
  requests.apply({ type: 'agent_removed', machine_id: 'n', agent_id: 'same' })
  assert.deepEqual(ids(), ['early', 'late', 'same'])
})

test('while the hub sends everything again, no request disappears', () => {
  const requests = new WaitingRequests('m')
  const found = [
    agent('a', { pending: [requestFor('1', {})] }),
    agent('b', { pending: [requestFor('2', {})] }),
  ]
  for (const one of [...found, agent('c', { machine_id: 'other', pending: [requestFor('3', {})] })])
    requests.apply({ type: 'agent', agent: one })
  const ids = () => requests.all().map(({ agent }) => agent.agent_id)
  requests.apply({ type: 'reset' })
  assert.deepEqual(ids(), ['a', 'b'])
  requests.apply({ type: 'agent', agent: found[1]! })
  requests.complete()
  assert.deepEqual(ids(), ['b'])
})

test('only a word with a slash leaves a question', () => {
  assert.deepEqual(
    ['/skip', ' /S ', '/open', '/o', '/list', '/quit', 'skip', '/', '/skipping', '/skip it', '/n'].map(
      leaveIn,
    ),
    ['skip', 'skip', 'open', 'open', 'list', 'quit', undefined, undefined, undefined, undefined, undefined],
  )
})
