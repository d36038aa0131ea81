import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentStatus, HubSubscription, PushState } from '../../../../src/protocol/index.ts'
import { TestHub } from '../../../support/hub.ts'
import { statusOf } from '../../../support/light-daemon.ts'
import { PushService } from '../../../support/push-service.ts'
import { bearer, makeKey } from '../../../support/role-keys.ts'
import { requestFor } from '../../../support/scripted-agent.ts'
import type { Cleanup } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

/** A hub with a machine, and a push service with a browser that has subscribed. */
async function staged(t: Cleanup) {
  const service = await PushService.open(t)
  const hub = await TestHub.open(t, { pushLoopback: true })
  let daemon = await hub.daemon({ agents: [statusOf('a', { title: 'Fix the tests' })] })
  let revision = 1
  const reports = (rest: Partial<AgentStatus>) =>
    daemon.send({
      type: 'agent:status',
      ...statusOf('a', { title: 'Fix the tests', revision: ++revision, ...rest }),
    })
  const asks = (...ids: string[]) =>
    reports({ state: 'waiting', pending: ids.map((id) => requestFor(id, { command: `npm run ${id}` })) })
  const otherAsks = () =>
    daemon.send({
      type: 'agent:status',
      ...statusOf('b', { state: 'waiting', pending: [requestFor('other', { command: 'ls' })] }),
    })
  const reconnect = async (rest: Partial<AgentStatus> = {}) => {
    daemon = await hub.daemon({
      agents: [statusOf('a', { title: 'Fix the tests', revision: ++revision, ...rest })],
    })
  }
  const subscribe = (name: string, headers = {}) =>
    hub.request('POST', '/api/push/subscriptions', service.subscription(name), headers)
  assert.equal((await subscribe('phone')).status, 201)
  return { service, hub, reports, asks, otherAsks, reconnect, subscribe }
}

const stateOf = async (hub: TestHub, headers = {}) =>
  (await (await hub.request('GET', '/api/push', undefined, headers)).json()) as PushState

test('a request is pushed once, with the agent, the machine, and the request', async (t) => {
  const { service, asks } = await staged(t)
  asks('r1')
  const message = await service.message()
  const { digest } = requestFor('r1', { command: 'npm run r1' })
  assert.deepEqual(
    { ...message, at: 0, tag: '' },
    {
      title: 'Fix the tests on host-1',
      body: 'Allow Bash? npm run r1',
      tag: '',
      at: 0,
      machine_id: 'machine-1',
      agent_id: 'a',
      need: `request r1 ${digest}`,
      request_id: 'r1',
      open: [message.tag],
    },
  )
  const [{ headers }] = service.pushed as [(typeof service.pushed)[0]]
  assert.deepEqual([headers.ttl, headers.urgency, headers.topic], ['86400', 'high', message.tag])
  // The status with a second request still contains the first.
  asks('r1', 'r2')
  const second = await service.message(2)
  assert.equal(second.request_id, 'r2')
  assert.deepEqual(second.open?.sort(), [message.tag, second.tag].sort())
  asks('r2', 'r3')
  assert.deepEqual(((await service.message(3)).open ?? []).includes(message.tag), false)
  assert.equal(service.pushed.length, 3)
})

test('a restarted hub pushes only requests that are new', async (t) => {
  const { service, hub, asks, reconnect } = await staged(t)
  asks('r1')
  await service.message()
  await hub.restart()
  const pending = ['r1', 'r2'].map((id) => requestFor(id, { command: `npm run ${id}` }))
  await reconnect({ state: 'waiting', pending })
  assert.equal((await service.message(2)).request_id, 'r2')
  assert.equal(service.pushed.length, 2)
})

test('a status that leaves out requests causes no notification about them, and neither does the next', async (t) => {
  const { service, hub, asks, otherAsks, reconnect } = await staged(t)
  asks('r1')
  await service.message()
  await reconnect({ state: 'waiting', pending: [], pending_omitted: 1 })
  await hub.restart()
  await reconnect({ state: 'waiting', pending: [], pending_omitted: 1 })
  asks('r1')
  // The hub notices both changes at the same time.
  otherAsks()
  assert.equal((await service.message(2)).request_id, 'other')
  asks('r1', 'r2')
  assert.equal((await service.message(3)).request_id, 'r2')
  assert.equal(service.pushed.length, 3)
})

test('failures, usage limits, and ends are pushed, and stops are not', async (t) => {
  const { service, hub, reports } = await staged(t)
  const settings = { kinds: ['failed', 'limited', 'ended', 'kind of a newer console'] }
  assert.deepEqual((await hub.api<PushState>('PATCH', '/api/push', settings)).kinds, settings.kinds)
  const since = (minute: number) => `2026-01-01T00:0${minute}:00.000Z`
  reports({ since: since(1), turn_failed: { outcome: 'error', message: 'No \u202eroute\u0007' } })
  assert.equal((await service.message()).body, 'Failed No \\u202eroute\\u0007')
  reports({ since: since(2), limited: { until: '2026-01-01T05:00:00.000Z' } })
  assert.match((await service.message(2)).body, /usage limit.*2026-01-01T05:00/)
  reports({ since: since(3), state: 'exited', exit: { reason: 'stopped' } })
  reports({ since: since(4), state: 'working', pending: [requestFor('r1', {})] })
  reports({ since: since(5), state: 'exited', exit: { reason: 'crashed', detail: 'Exit code 7.' } })
  assert.equal((await service.message(3)).body, 'Ended Exit code 7.')
  assert.equal(service.pushed.length, 3)
})

test('a subscription that the push service no longer knows is removed', async (t) => {
  const { service, hub, asks } = await staged(t)
  for (const status of [404, 410]) {
    service.answers.push([status])
    asks(`of ${status}`)
    await until(async () => (await stateOf(hub)).subscriptions.length === 0, { what: 'the removal' })
    await hub.request('POST', '/api/push/subscriptions', service.subscription('phone'))
  }
})

test('a push that fails is sent again when the push service permits it, and its problem is listed', async (t) => {
  const { service, hub, asks } = await staged(t)
  service.answers.push([503, { 'retry-after': '1' }], [429, { 'retry-after': '1' }])
  asks('r1')
  const problem = async () => (await stateOf(hub)).subscriptions[0]?.problem
  await until(async () => (await problem()) === 'the push service answered 503', { what: 'the problem' })
  assert.equal((await service.message(3)).request_id, 'r1')
  await until(async () => (await problem()) === undefined, { what: 'the delivery' })
  // The push service refuses the message itself.
  service.answers.push([400])
  asks('r2')
  await until(async () => (await problem()) === 'the push service answered 400', { what: 'the problem' })
  service.answers.push([302, { location: `${service.origin}/elsewhere` }])
  asks('r3')
  await until(async () => (await problem()) === 'the push service answered 302', { what: 'the problem' })
  assert.equal(service.pushed.length, 5)
})

test('subscriptions belong to a person, survive a restart, and end with the session and the key', async (t) => {
  const { service, hub, subscribe } = await staged(t)
  const ada = await makeKey(hub, 'ada', 'viewer')
  const bob = await makeKey(hub, 'bob', 'viewer')
  const { subscription_id } = (await (await subscribe('ada', bearer(ada.key))).json()) as HubSubscription
  await hub.restart()
  const list = async (key: string) =>
    (await stateOf(hub, bearer(key))).subscriptions.map(({ name, service }) => [name, service])
  const { host } = new URL(service.origin)
  assert.deepEqual(await list(ada.key), [['ada', host]])
  assert.deepEqual(await list(bob.key), [])
  assert.deepEqual((await stateOf(hub)).subscriptions.map(({ name }) => name).sort(), ['ada', 'local'])
  const path = `/api/push/subscriptions/${subscription_id}`
  assert.equal((await hub.request('DELETE', path, undefined, bearer(bob.key))).status, 404)
  assert.equal((await hub.request('DELETE', path, undefined, bearer(ada.key))).status, 200)
  assert.deepEqual(await list(ada.key), [])
  await subscribe('ada', bearer(ada.key))
  await hub.request('DELETE', `/api/keys/${ada.key_id}`)
  assert.deepEqual(
    (await stateOf(hub)).subscriptions.map(({ name }) => name),
    ['local'],
  )
  assert.doesNotMatch(readFileSync(join(hub.dir, 'push.json'), 'utf8'), /\/ada/)
})

test('a person has at most 16 subscriptions, of which the oldest are removed', async (t) => {
  const { hub, subscribe } = await staged(t)
  for (let n = 0; n < 17; n++) assert.equal((await subscribe(`browser ${n}`)).status, 201)
  assert.equal((await stateOf(hub)).subscriptions.length, 16)
  // A browser that subscribes again replaces its subscription.
  await subscribe('browser 16')
  assert.equal((await stateOf(hub)).subscriptions.length, 16)
})

test('the key for push services is only in its file, which is replaced if it is damaged', async (t) => {
  const { hub } = await staged(t)
  const file = join(hub.dir, 'push.key')
  const { public_key } = await stateOf(hub)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(join(hub.dir, 'push.json')).mode & 0o777, 0o600)
  await hub.restart()
  assert.equal((await stateOf(hub)).public_key, public_key)
  await hub.stop()
  writeFileSync(file, 'no key')
  await hub.start()
  assert.notEqual((await stateOf(hub)).public_key, public_key)
})
