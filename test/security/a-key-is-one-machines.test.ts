import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hubClient } from '../../src/cli/client/hub.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { HubKey, HubMachine } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { helloOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { bind, fromBefore, greet, idOf, keys, outcome } from '../support/machine-keys.ts'
import { tempDir } from '../support/temp.ts'

test('the log names a key’s machine, and never contains the key', async (t) => {
  const file = join(tempDir(t), 'hub.log')
  const hub = await TestHub.open(t, { logger: createLogger({ level: 'warn', file, stderr: 'none' }) })
  const [a, b] = [await hub.enroll('build-a'), await hub.enroll('build-b')]
  for (const [key, id] of [
    [a, 'm-a'],
    [b, 'm-b'],
    [b, 'm-a'],
    [b, 'm-c'],
  ] as const)
    await outcome(hub, key, id)
  const text = readFileSync(file, 'utf8')
  const told = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    told.map(({ name, key_id, belongs_to, machine_id }) => [name, key_id, belongs_to, machine_id]),
    [
      ['build-b', idOf(b), ['m-b'], 'm-a'],
      ['build-b', idOf(b), ['m-b'], 'm-c'],
    ],
  )
  for (const key of [a, b]) assert.ok(!text.includes(key))
  await fromBefore(hub, ['m-a', 'm-b'])
  const path = join(hub.dir, 'keys.json')
  const kept = JSON.parse(readFileSync(path, 'utf8'))
  for (const entry of kept.keys) if (entry.name === 'build-a') entry.machines = ['m-a', 'm-b']
  writeFileSync(path, JSON.stringify(kept))
  await hub.restart()
  const shared = readFileSync(file, 'utf8')
    .split('\n')
    .find((line) => line.includes('several machines share one key'))
  assert.equal(JSON.parse(shared ?? '{}').name, 'build-a')
})

test('a key belongs to the machine that used it first, and a machine connects only with its own key', async (t) => {
  const hub = await TestHub.open(t)
  const [a, b] = [await hub.enroll('a'), await hub.enroll('b')]
  const first = await greet(hub, a, 'm-a')
  assert.equal(first.outcome, 'welcome')
  assert.equal(await outcome(hub, b, 'm-b'), 'welcome')

  const thief = await greet(hub, b, 'm-a')
  assert.equal(thief.outcome, 'key_bound')
  assert.equal((await thief.daemon.ended()).code, 4003)
  assert.match(String(thief.answer.message), /knows this machine by another key/)
  for (const id of ['m-c', 'm-d']) {
    const { answer, outcome } = await greet(hub, b, id)
    assert.equal(outcome, 'key_bound')
    assert.match(
      String(answer.message),
      new RegExp(`belongs to another machine.*machine add.*hub key bind ${idOf(b)} ${id}`),
    )
  }
  await first.daemon.settled()
  assert.equal(first.daemon.closed, undefined, 'the machine whose id was used stays connected')
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.deepEqual(machines.map(({ machine_id }) => machine_id).sort(), ['m-a', 'm-b'])
  first.daemon.socket.terminate()

  // The hub's own machine key is bound in the same way.
  assert.equal(await outcome(hub, hub.key('machine'), 'm-local'), 'welcome')
  assert.equal(await outcome(hub, hub.key('machine'), 'm-other'), 'key_bound')
  assert.equal(await outcome(hub, hub.key('machine'), 'm-a'), 'key_bound')
  await hub.restart()
  assert.equal(await outcome(hub, b, 'm-a'), 'key_bound')
  assert.equal(await outcome(hub, a, 'm-a'), 'welcome')
})

test('a machine that uses another machine’s id receives none of the messages for that machine', async (t) => {
  const hub = await TestHub.open(t)
  const [a, b] = [await hub.enroll('a'), await hub.enroll('b')]
  const owner = await greet(hub, a, 'm-a')
  owner.daemon.send({ type: 'agent:status', ...statusOf('pay') })
  await owner.daemon.settled()
  await owner.daemon.close()
  const prompt = { command_id: 'c-1', content: 'secret' }
  await hub.api('POST', '/api/agents/pay/prompt?wait=0', prompt)
  const thief = await greet(hub, b, 'm-a')
  thief.daemon.send({ type: 'agent:prompt:result', command_id: 'c-1', ok: true })
  await thief.daemon.ended()
  assert.deepEqual(
    thief.daemon.frames.map(({ type }) => type),
    ['server:refuse'],
  )
  const { state } = await hub.api<{ state: string }>('GET', '/api/commands/c-1?wait=0')
  assert.equal(state, 'pending')
})

test('a key admits only the machine that enrolled with it, and a new key for that machine requires the old key', async (t) => {
  const hub = await TestHub.open(t)
  const first = await hub.enroll('a', { machine_id: 'm-a' })
  assert.equal(await outcome(hub, first, 'm-x'), 'key_bound')
  assert.equal(await outcome(hub, first, 'm-a'), 'welcome')

  const stranger = await hub.enroll('x', { machine_id: 'm-a' })
  assert.equal(await outcome(hub, stranger, 'm-a'), 'key_bound')
  assert.equal(await outcome(hub, stranger, 'm-x'), 'welcome')

  const second = await hub.enroll('a', {}, first)
  assert.equal(await outcome(hub, first, 'm-a'), 'welcome', 'the old key is valid until the new key is used')
  assert.equal(await outcome(hub, second, 'm-a'), 'welcome')
  await assert.rejects(LightDaemon.dial(hub.url, first), /401/)
  // When a copied machine enrolls as a separate machine, it shows the key that was copied.
  const copy = await hub.enroll('copy', {}, second)
  assert.equal(await outcome(hub, copy, 'm-copy'), 'welcome')
  assert.equal(await outcome(hub, second, 'm-a'), 'welcome')
})

test('a known machine without a key cannot be taken over by an enrollment', async (t) => {
  const hub = await TestHub.open(t)
  const own = await hub.enroll('own')
  assert.equal(await outcome(hub, own, 'm-own'), 'welcome')
  await hub.api('DELETE', `/api/keys/${idOf(own)}`)
  const refused = async (machineId: string) => {
    // Enroll without the machine's id, with the id, with the id and a revoked key, and with the id and
    // another machine's key. The result is always the same.
    const other = await hub.enroll('other', { machine_id: `other of ${machineId}` })
    const keys = [
      await hub.enroll(),
      await hub.enroll(undefined, { machine_id: machineId }),
      await hub.enroll(undefined, { machine_id: machineId }, own),
      await hub.enroll(undefined, { machine_id: machineId }, other),
    ]
    for (const key of keys) {
      const { daemon, answer, outcome } = await greet(hub, key, machineId)
      assert.equal(outcome, 'key_bound')
      assert.match(String(answer.message), new RegExp(`hub key bind ${idOf(key)} ${machineId}`))
      await daemon.ended()
    }
    return keys[0]!
  }
  // Follow the error message, which explains how the machine can connect again.
  const key = await refused('m-own')
  await bind(hub, key, 'm-own')
  assert.equal(await outcome(hub, key, 'm-own'), 'welcome')
  // The hub's own machine key behaves in the same way. After the removal, the hub makes a new key.
  assert.equal(await outcome(hub, hub.key('machine'), 'm-local'), 'welcome')
  await hub.api('DELETE', `/api/keys/${idOf(hub.key('machine'))}`)
  await refused('m-local')
  assert.equal(await outcome(hub, hub.key('machine'), 'm-local'), 'welcome')
  // After its removal, the machine is no longer known to the hub.
  await hub.api('DELETE', '/api/machines/m-own')
  assert.equal(await outcome(hub, await hub.enroll(), 'm-own'), 'welcome')

  const before = hub.key('machine')
  await fromBefore(hub, ['m-1', 'm-2'])
  await refused('m-1')
  const heir = await hub.enroll('m-1', { machine_id: 'm-1' }, before)
  assert.equal(await outcome(hub, heir, 'm-1'), 'welcome', 'the enrollment showed the machine’s previous key')
  assert.equal(await outcome(hub, before, 'm-2'), 'welcome')
})

test('a removed machine cannot connect with the key that replaced its own key', async (t) => {
  const hub = await TestHub.open(t)
  const first = await hub.enroll()
  assert.equal(await outcome(hub, first, 'm-1'), 'welcome')
  const next = await hub.enroll(undefined, {}, first)
  const removed = await hub.api<{ revoked_keys: number }>('DELETE', '/api/machines/m-1?force=true')
  assert.equal(removed.revoked_keys, 2)
  for (const key of [first, next]) await assert.rejects(LightDaemon.dial(hub.url, key), /401/)
})

test('an enrollment with another key’s hash or id is refused, and its token stays valid', async (t) => {
  const hub = await TestHub.open(t)
  const own = await hub.enroll('own')
  const alice = await hub.api<{ key_id: string }>('POST', '/api/keys', { name: 'alice', role: 'viewer' })
  const { token } = await hub.api<{ token: string }>('POST', '/api/enrolments', {})
  const before = await keys(hub)
  const enroll = (key_sha256: string) =>
    hub.request('POST', '/enroll', { token, key_sha256, hostname: 'h' }, { authorization: '' })
  for (const id of [idOf(own), alice.key_id, idOf(hub.key('user')), idOf(hub.key('machine'))]) {
    const answer = await enroll(id.padEnd(64, '0'))
    const { error } = (await answer.json()) as { error: { code: string } }
    assert.deepEqual([answer.status, error.code], [409, 'key_taken'])
  }
  const answer = await enroll(createHash('sha256').update(hub.key('user')).digest('hex'))
  assert.equal(answer.status, 409, 'a user key cannot become a machine key')
  assert.deepEqual(await keys(hub), before)
  for (const again of [1, 2]) assert.equal((await enroll('0'.repeat(64))).status, 200, `${again}`)
})

test('if a machine’s key is revoked before the machine sends its greeting, the refusal gives the reason', async (t) => {
  const hub = await TestHub.open(t)
  const key = await hub.enroll()
  const daemon = await LightDaemon.dial(hub.url, key)
  await hub.api('DELETE', `/api/keys/${idOf(key)}`)
  daemon.send(helloOf())
  assert.equal((await daemon.received('server:refuse')).code, 'unauthorized')
  assert.equal((await daemon.ended()).code, 4003)
})

test('a new machine needs an id that is valid in commands, but a machine that the hub already knows keeps any id', async (t) => {
  const hub = await TestHub.open(t)
  for (const id of ['.', '..', '\ud800', 'x\udc00y', 'a\u0000', 'a\nb', '\u009b'])
    assert.equal(await outcome(hub, await hub.enroll(), id), 'key_bound', JSON.stringify(id))
  assert.deepEqual((await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')).machines, [])
  const odd = ['\u{1f600} …', 'a/b?c#d%2e', '%2e%2e', '"', '".."']
  for (const id of odd) assert.equal(await outcome(hub, await hub.enroll(), id), 'welcome', id)

  const before = ['.', '..', '\ud800', 'x\udc00y', 'a\u0000b']
  const enrolled = await Promise.all(before.map((_, n) => hub.enroll(`k-${n}`)))
  await fromBefore(hub, [...odd, ...before], Object.fromEntries(before.map((id, n) => [`k-${n}`, id])))
  const client = () => hubClient({ url: hub.url, key: hub.key('user') })
  const daemons = []
  for (const [n, id] of before.entries()) {
    const { daemon, outcome } = await greet(hub, enrolled[n]!, id)
    assert.equal(outcome, 'welcome', JSON.stringify(id))
    daemon.send({ type: 'agent:status', ...statusOf('a') })
    await daemon.settled()
    daemons.push(daemon)
  }
  for (const [n, id] of before.entries()) {
    const at = client()
    const checked = at.machineCommand(id, 'check', {}, 30)
    daemons[n]!.answer(await daemons[n]!.command('machine:check'))
    assert.equal((await checked).machine_id, id)
    at.means('a', id)
    assert.equal((await at.agent('a')).machine_id, id)
    assert.equal((await at.renameMachine(id, `m ${n}`)).machine_id, id)
  }
  for (const id of [...before, ...odd]) await client().removeMachine(id, { force: true })
  assert.deepEqual(await client().machines(), [])
  const { entries } = await client().audit({ action: 'machine:remove', outcome: 'succeeded' }, { limit: 100 })
  assert.deepEqual(
    entries.map(({ machine_id }) => machine_id),
    [...before, ...odd],
  )
})

test('removing a machine revokes its key, even if the machine is connected, the key is unused, or the key is the hub’s', async (t) => {
  const hub = await TestHub.open(t)
  const local = hub.key('machine')
  const [used, unused, loose] = [
    await hub.enroll('used'),
    await hub.enroll('unused', { machine_id: 'm-unused' }),
    await hub.enroll('loose'),
  ]
  assert.equal(await outcome(hub, used, 'm-used'), 'welcome')
  const { daemon } = await greet(hub, local, 'm-local')
  const { enrolled } = await hub.api<{ enrolled: HubKey[] }>('GET', '/api/machines')
  assert.deepEqual(
    enrolled.map(({ name, machines }) => [name, machines]),
    [
      ['unused', ['m-unused']],
      ['loose', []],
    ],
  )
  for (const id of ['m-used', 'm-unused', 'm-local'])
    assert.equal(
      (await hub.api<{ revoked_keys: number }>('DELETE', `/api/machines/${id}?force=true`)).revoked_keys,
      1,
      id,
    )
  await hub.api('DELETE', `/api/keys/${idOf(loose)}`)
  assert.equal((await daemon.ended()).code, 4003)
  for (const key of [used, unused, loose, local]) await assert.rejects(LightDaemon.dial(hub.url, key), /401/)
  await hub.restart()
  for (const key of [used, unused, loose, local]) await assert.rejects(LightDaemon.dial(hub.url, key), /401/)
  assert.equal(await outcome(hub, hub.key('machine'), 'm-local'), 'welcome')
  const people = (await keys(hub)).find(({ role }) => role === 'admin')!
  assert.equal((await hub.request('DELETE', `/api/keys/${people.key_id}`)).status, 409)
})
