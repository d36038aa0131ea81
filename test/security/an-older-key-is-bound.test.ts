import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestHub } from '../support/hub.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { bind, fromBefore, greet, keyOf, keys, outcome } from '../support/machine-keys.ts'

test('an older key that only one machine has used is bound to that machine, and a key that several machines have used stays usable for these machines', async (t) => {
  const hub = await TestHub.open(t)
  const [own, fleet] = [await hub.enroll('own'), await hub.enroll('fleet')]
  const known = ['m-local', 'm-own', 'f-1', 'f-2', 'f-3']
  await fromBefore(hub, known, { own: 'm-own', fleet: 'f-3' })
  assert.equal(await outcome(hub, hub.key('machine'), 'm-local'), 'welcome')
  assert.equal(await outcome(hub, own, 'm-own'), 'welcome')
  for (const id of ['f-1', 'f-3', 'f-2']) assert.equal(await outcome(hub, fleet, id), 'welcome', id)
  assert.equal(await outcome(hub, fleet, 'f-4'), 'key_bound', 'a machine that was not known')
  assert.equal(await outcome(hub, own, 'f-1'), 'key_bound')
  assert.equal(await outcome(hub, hub.key('machine'), 'f-1'), 'key_bound')
  await hub.restart()
  for (const id of ['f-1', 'f-2']) assert.equal(await outcome(hub, fleet, id), 'welcome', id)
  assert.deepEqual(
    (await keys(hub)).filter(({ shared }) => shared).map(({ name }) => name),
    ['fleet'],
  )

  const connected = await greet(hub, fleet, 'f-2')
  const bound = await bind(hub, fleet, 'f-1')
  assert.deepEqual([bound.machines, bound.shared, bound.revoked_keys], [['f-1'], false, 0])
  assert.equal((await connected.daemon.ended()).code, 4003)
  assert.equal(await outcome(hub, fleet, 'f-1'), 'welcome')
  for (const id of ['f-2', 'f-3']) assert.equal(await outcome(hub, fleet, id), 'key_bound', id)
  assert.equal((await keyOf(hub, 'own')).shared, false)
})

test('the hub’s older key is bound to the only known machine, or stays usable for all known machines if there are several', async (t) => {
  const hub = await TestHub.open(t)
  const key = hub.key('machine')
  await fromBefore(hub, ['m-1', 'm-2'])
  assert.equal(await outcome(hub, key, 'm-3'), 'key_bound')
  for (const id of ['m-1', 'm-2']) assert.equal(await outcome(hub, key, id), 'welcome')
  assert.equal((await keyOf(hub, 'local')).shared, true)
  // If one of several machines is removed, the others keep the key.
  const removed = await hub.api('DELETE', '/api/machines/m-2')
  assert.deepEqual(removed, { revoked_keys: 0, shared_keys: 1 })
  assert.equal(await outcome(hub, key, 'm-2'), 'key_bound')
  assert.equal(await outcome(hub, key, 'm-1'), 'welcome')

  await fromBefore(hub, ['m-1'])
  assert.deepEqual(await hub.api('DELETE', '/api/machines/m-1'), { revoked_keys: 1, shared_keys: 0 })
  await assert.rejects(
    LightDaemon.dial(hub.url, key),
    /401/,
    'the key is revoked although the machine has not connected since the update',
  )

  await fromBefore(hub, ['m-1'])
  assert.equal(await outcome(hub, hub.key('machine'), 'm-1'), 'welcome')
  assert.equal(await outcome(hub, hub.key('machine'), 'm-2'), 'key_bound')

  // Test the key of a hub to which no machine had connected.
  await fromBefore(hub, [])
  assert.equal(await outcome(hub, hub.key('machine'), 'm-5'), 'welcome')
  assert.equal(await outcome(hub, hub.key('machine'), 'm-6'), 'key_bound')
})

test('a machine that has lost its identity or its key can connect again', async (t) => {
  const hub = await TestHub.open(t)
  const lost = await hub.enroll('a')
  assert.equal(await outcome(hub, lost, 'm-a'), 'welcome')
  // The machine has lost its state folder, and with it its id.
  assert.equal(await outcome(hub, lost, 'm-new'), 'key_bound')
  await bind(hub, lost, 'm-new')
  assert.equal(await outcome(hub, lost, 'm-new'), 'welcome')
  // The machine has lost its key. It runs an older version, which does not show its old key to the hub when
  // it enrolls.
  const again = await hub.enroll('a')
  assert.equal(await outcome(hub, again, 'm-new'), 'key_bound')
  assert.equal((await bind(hub, again, 'm-new')).revoked_keys, 1)
  assert.equal(await outcome(hub, again, 'm-new'), 'welcome')
  await assert.rejects(LightDaemon.dial(hub.url, lost), /401/)
  assert.equal((await hub.request('POST', '/api/keys/0123456789ab/bind', { machine_id: 'm' })).status, 404)
})
