import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type {
  AuditPage,
  Command,
  Hello,
  HubMachine,
  HubRollout,
  MachineStatus,
  Outcome,
} from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { helloOf, type LightDaemon } from '../support/light-daemon.ts'
import { bearer, listKeys, makeKey } from '../support/role-keys.ts'
import { until } from '../support/wait.ts'

type Update = Extract<Command, { type: 'daemon:update' }>

/** A hub with a machine in the group `canary`. */
async function stage(t: TestContext, hello: Partial<Hello> = {}) {
  const hub = await TestHub.open(t)
  const connect = (rest: Partial<Hello> = {}) => hub.daemon({ daemon_version: '1.0.0', ...hello, ...rest })
  const daemon = await connect()
  await hub.api('POST', '/api/machines/machine-1/place', { group: 'canary' })
  const begin = (rest: object = {}) =>
    hub.api<HubRollout>('POST', '/api/rollouts', { version: '2.0.0', groups: ['canary'], soak_s: 0, ...rest })
  const reaches = (id: string, isReached: (rollout: HubRollout) => boolean) =>
    until(
      async () => {
        const rollout = await hub.api<HubRollout>('GET', `/api/rollouts/${id}`)
        return isReached(rollout) && rollout
      },
      { what: 'the rollout' },
    ) as Promise<HubRollout>
  return { hub, daemon, connect, begin, reaches }
}

const orderTo = async (daemon: LightDaemon, count = 1) =>
  (await daemon.command('daemon:update', count)) as Update

const begun = (command_id: string): MachineStatus => ({ ...helloOf().machine, update: { command_id } })

test('a blocked version reaches no machine that comes back later', async (t) => {
  const { hub, daemon, connect } = await stage(t)
  await daemon.close()
  const { command_id } = await hub.api<Outcome>('POST', '/api/machines/machine-1/update?wait=0', {
    version: '2.0.0',
  })
  await hub.api('POST', '/api/blocked-versions/2.0.0', { reason: 'It is slow.' })
  const outcome = await hub.api<Outcome>('GET', `/api/commands/${command_id}`)
  assert.equal(outcome.error?.code, 'version_blocked')
  const again = await connect()
  await again.settled()
  assert.deepEqual(again.ofType('daemon:update'), [])
})

test('an order for a blocked version is repeated only to a machine that has begun to carry it out', async (t) => {
  for (const isBegun of [false, true]) {
    const { hub, daemon, connect } = await stage(t)
    void hub.api('POST', '/api/machines/machine-1/update', { version: '2.0.0' })
    const { command_id } = await orderTo(daemon)
    await daemon.close()
    await hub.api('POST', '/api/blocked-versions/2.0.0', {})
    const again = await connect(isBegun ? { machine: begun(command_id) } : {})
    await again.settled()
    assert.equal(again.ofType('daemon:update').length, isBegun ? 1 : 0)
  }
})

test('a version is blocked however it is written', async (t) => {
  const { hub } = await stage(t)
  await hub.api('POST', '/api/blocked-versions/2.0.0', {})
  for (const version of ['v2.0.0', '2.0.0+build', '2.0.0']) {
    const { error } = await hub.api<{ error: { code: string } }>('POST', '/api/machines/machine-1/update', {
      version,
    })
    assert.equal(error.code, 'version_blocked', version)
  }
  assert.equal(
    (await hub.request('POST', '/api/machines/machine-1/update?wait=0', { version: '2.0.1' })).status,
    202,
  )
})

test('after a restart of the hub, a rollout that was canceled sends its orders to no machine', async (t) => {
  for (const isCanceled of [true, false]) {
    const { hub, daemon, connect, begin, reaches } = await stage(t)
    const { rollout_id } = await begin()
    const { command_id } = await orderTo(daemon)
    await hub.restart()
    if (isCanceled) {
      await hub.api('POST', `/api/rollouts/${rollout_id}/cancel`)
      await reaches(rollout_id, ({ machines }) => machines[0]?.state === 'waiting')
    }
    const again = await connect()
    await again.settled()
    assert.equal(again.ofType('daemon:update').length, isCanceled ? 0 : 1)
    // The machine may have received the first order nevertheless, and says so.
    again.answer({ type: 'daemon:update', command_id }, { from_version: '1.0.0', to_version: '2.0.0' })
    await until(
      async () => (await hub.api<Outcome>('GET', `/api/commands/${command_id}`)).state === 'succeeded',
      {
        what: 'the late answer',
      },
    )
  }
})

test('a machine that does not support updates is refused once, and the rollout says so', async (t) => {
  const { hub, begin, reaches } = await stage(t, { capabilities: [] })
  const { rollout_id } = await begin()
  const { machines, reason } = await reaches(rollout_id, ({ state }) => state === 'halted')
  assert.deepEqual([machines[0]?.state, machines[0]?.error?.code], ['refused', 'unsupported'])
  assert.match(reason ?? '', /No machine of the group canary/)
  const { entries } = await hub.api<AuditPage>('GET', '/api/audit?action=daemon:update')
  assert.deepEqual(entries, [])
})

test('a rollout halts when the key that started it is revoked, and another person takes it over', async (t) => {
  const { hub, daemon, reaches } = await stage(t)
  const mina = await makeKey(hub, 'mina', 'admin')
  const wanted = { version: '2.0.0', groups: ['canary'], soak_s: 0 }
  await hub.api('POST', '/api/machines/machine-1/place', { group: 'other' })
  await hub.daemon({ machine_id: 'machine-2', daemon_version: '2.0.0' })
  await hub.api('POST', '/api/machines/machine-2/place', { group: 'canary' })
  const made = await hub.request('POST', '/api/rollouts', wanted, bearer(mina.key))
  const { rollout_id } = (await made.json()) as HubRollout
  await reaches(rollout_id, ({ state }) => state === 'done')
  const key = (await listKeys(hub)).find(({ name }) => name === 'mina')!
  await hub.api('DELETE', `/api/keys/${key.key_id}`)
  await hub.api('POST', '/api/machines/machine-1/place', { group: 'canary' })
  const { reason } = await reaches(rollout_id, ({ state }) => state === 'halted')
  assert.match(reason ?? '', /The key mina/)
  await daemon.settled()
  assert.deepEqual(daemon.ofType('daemon:update'), [])
  await hub.api('POST', `/api/rollouts/${rollout_id}/resume`)
  assert.equal((await orderTo(daemon)).by, 'local')
})

test('after a rollback, machines that come back get the version of the rollout before', async (t) => {
  const { hub, daemon, connect, begin, reaches } = await stage(t)
  await daemon.close()
  const other = await hub.daemon({ machine_id: 'machine-2', daemon_version: '2.0.0' })
  await hub.api('POST', '/api/machines/machine-2/place', { group: 'canary' })
  const first = await begin()
  await reaches(first.rollout_id, ({ state }) => state === 'done')
  const second = await begin({ version: '3.0.0' })
  const order = await orderTo(other)
  other.answer(order, { from_version: '2.0.0', to_version: '3.0.0' })
  await reaches(second.rollout_id, ({ machines }) => machines.some(({ state }) => state === 'updated'))
  await hub.api('POST', `/api/rollouts/${second.rollout_id}/roll-back`)
  await reaches(second.rollout_id, ({ state }) => state === 'rolled_back')
  const late = await connect()
  assert.equal((await orderTo(late)).version, '2.0.0')
  await late.settled()
  assert.equal(late.ofType('daemon:update').length, 1)
})

test('only an administrator changes rollouts, groups, and blocked versions; everybody sees them', async (t) => {
  const { hub, begin } = await stage(t)
  const { rollout_id } = await begin()
  const requests: [string, string, object?][] = [
    ['POST', '/api/rollouts', { version: '2.0.0', groups: ['canary'] }],
    ...['pause', 'resume', 'roll-back', 'cancel'].map((name): [string, string] => [
      'POST',
      `/api/rollouts/${rollout_id}/${name}`,
    ]),
    ['POST', '/api/blocked-versions/2.0.0', {}],
    ['DELETE', '/api/blocked-versions/2.0.0'],
    ['POST', '/api/machines/machine-1/place', { group: 'other' }],
  ]
  for (const role of ['viewer', 'operator']) {
    const { key } = await makeKey(hub, role, role)
    for (const [method, path, body] of requests)
      assert.equal((await hub.request(method, path, body, bearer(key))).status, 403, `${role} ${path}`)
    for (const path of ['/api/rollouts', `/api/rollouts/${rollout_id}`, '/api/blocked-versions'])
      assert.equal((await hub.request('GET', path, undefined, bearer(key))).status, 200, `${role} ${path}`)
  }
})

test('simultaneous changes of the group and the labels of a machine all survive a restart', async (t) => {
  const { hub } = await stage(t)
  const place = (body: object) => hub.api('POST', '/api/machines/machine-1/place', body)
  await Promise.all([place({ group: 'office' }), place({ labels: { site: 'rome' } })])
  await hub.restart()
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.deepEqual([machines[0]?.group, machines[0]?.labels], ['office', { site: 'rome' }])
})

test('a rollout is in the same state after a restart of the hub, and orders nothing twice', async (t) => {
  const orders: Record<string, string[]> = {
    running: [],
    paused: ['pause'],
    cancelled: ['cancel'],
    rolling_back: ['roll-back'],
    halted: [],
    soaking: [],
    done: [],
    rolled_back: ['roll-back'],
  }
  for (const [state, given] of Object.entries(orders)) {
    const { hub, daemon, connect, begin, reaches } = await stage(t)
    const { rollout_id } = await begin({ soak_s: state === 'soaking' ? 3600 : 0 })
    const order = await orderTo(daemon)
    const isAnswered = ['halted', 'soaking', 'done', 'rolled_back'].includes(state)
    if (state === 'halted')
      daemon.answer(order, { ok: false, error: { code: 'update_unproven', message: 'No.' } })
    else if (isAnswered) daemon.answer(order, { from_version: '1.0.0', to_version: '2.0.0' })
    if (isAnswered) await reaches(rollout_id, (rollout) => rollout.machines[0]?.state !== 'updating')
    for (const each of given) await hub.api('POST', `/api/rollouts/${rollout_id}/${each}`)
    const before = await reaches(rollout_id, (rollout) => rollout.state === state)
    await hub.restart()
    const again = await connect()
    const after = await reaches(rollout_id, (rollout) => rollout.state === state)
    assert.deepEqual(after.orders, before.orders, state)
    await again.settled()
    const repeated = again.ofType('daemon:update').map(({ command_id }) => command_id)
    if (state === 'running') assert.equal(repeated.length, 1)
    // The machine answers an order that it has received already.
    assert.deepEqual(repeated, isAnswered ? [] : [order.command_id].slice(0, repeated.length), state)
  }
})

test('a machine reports its own labels, which never change its group and replace no label of the hub', async (t) => {
  const { hub, daemon, connect } = await stage(t, { labels: { site: 'berlin', group: 'canary' } })
  const machine = async () => {
    const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
    return machines[0]!
  }
  await hub.api('POST', '/api/machines/machine-1/place', { group: 'office', labels: { site: 'rome' } })
  const { group, labels, own_labels } = await machine()
  assert.deepEqual(
    [group, labels, own_labels],
    ['office', { site: 'rome' }, { site: 'berlin', group: 'canary' }],
  )
  await daemon.close()
  await hub.restart()
  assert.deepEqual((await machine()).own_labels, { site: 'berlin', group: 'canary' })
  const hostile = [
    { site: '\u001b[31m' },
    { [`k${'x'.repeat(63)}`]: 'v' },
    Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, 'v'])),
    ['site=berlin'],
    7,
    undefined,
  ]
  for (const given of hostile) {
    const again = await connect({ labels: given as Record<string, string> })
    assert.equal((await machine()).own_labels, undefined, JSON.stringify(given))
    assert.deepEqual((await machine()).labels, { site: 'rome' })
    await again.close()
  }
})

test('hostile and double values of groups, labels, and versions are refused or harmless', async (t) => {
  const { hub, begin } = await stage(t)
  for (const body of [
    { group: '../x' },
    { group: 'a b' },
    { group: 'none' },
    { group: '\u001b[31m' },
    { group: 'x'.repeat(65) },
    { labels: { 'a\u0000': 'b' } },
    { labels: { a: '' } },
    { labels: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, 'v'])) },
  ])
    assert.equal(
      (await hub.request('POST', '/api/machines/machine-1/place', body)).status,
      400,
      JSON.stringify(body),
    )
  const proto = '{"labels": {"__proto__": "x", "constructor": "y"}}'
  const placed = await hub.request('POST', '/api/machines/machine-1/place', proto)
  const { labels = {} } = (await placed.json()) as { labels?: Record<string, string> }
  assert.equal(labels.constructor, 'y')
  assert.equal(({} as Record<string, string>).x, undefined)
  for (const rest of [
    { version: 'latest' },
    { version: '1.2.3; reboot' },
    { groups: [] },
    { groups: Array.from({ length: 33 }, (_, n) => `g${n}`) },
    { max_unavailable: 0 },
    { soak_s: -1 },
    { halt_on: 1.5 },
  ])
    assert.ok('error' in (await begin(rest)), JSON.stringify(rest))
  assert.deepEqual((await begin({ groups: ['canary', 'canary'] })).groups, ['canary'])
  // One rollout at a time decides about a group.
  assert.equal(
    ((await begin({ version: '3.0.0' })) as unknown as { error: { code: string } }).error.code,
    'rollout_active',
  )
})
