import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pickRequest } from '../../../src/cli/agent/pick-request.ts'
import { withUnlisted } from '../../../src/client/unlisted-requests.ts'
import type { EventPage, HubAgent } from '../../../src/protocol/index.ts'
import { requestFor } from '../../support/scripted-agent.ts'

const asks = (request_id: string, rest = {}) => ({
  kind: 'permission_request',
  ...requestFor(request_id, { command: request_id }, rest),
})

const place = (events: object[]) =>
  ({ events: events.map((event, offset) => ({ offset, index: 0, ...event })) }) as EventPage

/** Returns the requests of an agent whose history has these events, and whose status leaves out `omitted` requests. */
async function found(events: object[], omitted: number, listed: string[] = [], end = 100) {
  const agent = {
    agent_id: 'a',
    offset: 100,
    end,
    connected: true,
    pending: listed.map((name) => requestFor(name, { command: name })),
    pending_omitted: omitted,
  } as HubAgent
  const client = { agent: async () => agent, events: async () => place(events) }
  const whole = await withUnlisted(client, agent, { arrivalMs: 0 })
  return { whole, ids: whole.pending.map(({ request_id }) => request_id), left: whole.pending_omitted }
}

test('requests that a status leaves out are found in the history, in the order of the questions', async () => {
  const { whole, left } = await found([asks('1'), asks('2')], 2)
  assert.deepEqual(whole.pending, [requestFor('1', { command: '1' }), requestFor('2', { command: '2' })])
  assert.equal(left, undefined)
  assert.deepEqual((await found([asks('1'), asks('2')], 1, ['1'])).ids, ['1', '2'])
  const other = requestFor('1', { command: 'other' })
  const again = await found([asks('1'), asks('2'), { kind: 'permission_request', ...other }], 2)
  assert.deepEqual(again.whole.pending, [requestFor('2', { command: '2' }), other])
})

test('requests that were answered or withdrawn are not found again, and missing requests are counted', async () => {
  const used = asks('2', { tool_use_id: 't' })
  const settled = [
    { kind: 'permission_withdrawn', request_id: '1' },
    { kind: 'tool_result', tool_use_id: 't', is_error: false, content: 'done' },
  ]
  assert.deepEqual((await found([asks('1'), used, ...settled, asks('3')], 2)).ids, ['3'])
  for (const end of [
    { kind: 'state', state: 'idle' },
    { kind: 'process_exited', run: 1 },
    { kind: 'process_started', run: 2 },
  ]) {
    const { ids, left } = await found([asks('1'), end, asks('2')], 2)
    assert.deepEqual([ids, left], [['2'], 1])
  }
  // An allowed tool may still run: the newest requests are the open ones.
  assert.deepEqual((await found([asks('1'), asks('2')], 1)).ids, ['2'])
})

test('a request is found that reaches the hub after the status that counts it', async () => {
  const status = { agent_id: 'a', offset: 0, end: 1, connected: true, pending: [], pending_omitted: 1 }
  let asked = 0
  const client = {
    agent: async () => ({ ...status, offset: ++asked < 2 ? 0 : 1 }) as unknown as HubAgent,
    events: async () => place(asked < 2 ? [] : [asks('1')]),
  }
  const { pending, pending_omitted } = await withUnlisted(client, status as unknown as HubAgent)
  assert.deepEqual([pending.map(({ request_id }) => request_id), pending_omitted], [['1'], undefined])
  // Nothing more arrives from a machine that is not connected.
  const away = { ...status, connected: false } as unknown as HubAgent
  assert.equal((await withUnlisted({ ...client, events: async () => place([]) }, away)).pending_omitted, 1)
})

test('a request without a digest counts only if the hub has all activity: its id may stand for a newer one', async () => {
  const old = asks('1', {})
  const { digest: _, ...bare } = old as { digest?: string }
  assert.deepEqual((await found([bare], 1, [], 200)).ids, [])
  assert.deepEqual((await found([bare], 1)).ids, ['1'])
  assert.deepEqual((await found([old], 1, [], 200)).ids, ['1'])
})

test('of very many requests, as many are found as a status may list, and their results are found soon', async () => {
  const many = 30_000
  const requests = Array.from({ length: many }, (_, n) => asks(`${n}`, { tool_use_id: `tool-${n}` }))
  const result = (n: number) => ({
    kind: 'tool_result',
    tool_use_id: `tool-${n}`,
    is_error: false,
    content: '',
  })
  const others = Array.from({ length: many }, (_, n) => result(many + n))
  const { ids, left } = await found([...requests, ...others, result(0)], many, ['1'])
  assert.deepEqual([ids.length, ids[0], ids[1], left], [1000, '1', '2', many - 999])
})

test('an answer to a request that was not found is refused, with another way', async () => {
  const { whole } = await found([], 1)
  assert.throws(() => pickRequest(whole, undefined), {
    code: 'request_not_listed',
    remedy: /agent interrupt a$/,
  })
})
