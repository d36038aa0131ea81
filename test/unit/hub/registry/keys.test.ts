import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Enrolment, HubKey, HubMachine, HubToken, NewKey } from '../../../../src/protocol/index.ts'
import { TestHub } from '../../../support/hub.ts'
import { helloOf, LightDaemon } from '../../../support/light-daemon.ts'

/** A hub with keys of each kind. While a file of keys or tokens is blocked, the hub cannot write it. */
async function open(t: Parameters<typeof TestHub.open>[0]) {
  const hub = await TestHub.open(t)
  const make = (name: string, role: string) =>
    hub.api<NewKey & { key: string }>('POST', '/api/keys', { name, role })
  const people = await make('alice', 'viewer')
  const loose = await make('loose', 'machine')
  const own = await hub.enroll('own')
  const greet = async (key: string, machine_id: string, wanted = 'server:welcome') => {
    const daemon = await LightDaemon.dial(hub.url, key)
    daemon.send(helloOf({ machine_id }))
    await daemon.received(wanted)
    daemon.socket.terminate()
    await daemon.ended()
  }
  await greet(own, 'm-own')
  await greet(hub.key('machine'), 'm-local')
  const { token } = await hub.api<Enrolment>('POST', '/api/enrolments', {})
  const all = async () => ({
    keys: (await hub.api<{ keys: HubKey[] }>('GET', '/api/keys')).keys,
    tokens: (await hub.api<{ enrolments: HubToken[] }>('GET', '/api/enrolments')).enrolments,
    files: ['user.key', 'machine.key', 'keys.json', 'user-keys.json', 'enrolments.json'].map((name) =>
      readFileSync(join(hub.dir, name), 'utf8'),
    ),
  })
  /** Returns the temporary paths to which the hub first writes the new contents of these files. */
  const blocks = (names: string[]) => names.map((name) => join(hub.dir, `${name}.${process.pid}.tmp`))
  const blocked = async <T>(names: string[], run: () => Promise<T>): Promise<T> => {
    for (const path of blocks(names)) mkdirSync(path)
    try {
      return await run()
    } finally {
      for (const path of blocks(names)) rmdirSync(path)
    }
  }
  return { hub, people, loose, own, token, greet, all, blocked }
}

test('a failed write to the disk changes no key and no token', async (t) => {
  const { hub, people, loose, own, token, greet, all, blocked } = await open(t)
  const before = await all()
  const idOf = (role: string, wanted: Partial<HubKey>) =>
    before.keys.find(
      (key) =>
        key.role === role && Object.entries(wanted).every(([name, value]) => key[name as 'name'] === value),
    )!.key_id
  const [user, machine] = [idOf('admin', { local: true }), idOf('machine', { local: true })]
  const ownId = idOf('machine', { name: 'own' })
  const enroll = { token, key_sha256: '0'.repeat(64), hostname: 'h' }
  const requests: [string, string, object?][] = [
    ['POST', '/api/keys', { name: 'bob', role: 'viewer' }],
    ['POST', '/api/keys', { name: 'bob', role: 'machine', machine_id: 'm-own' }],
    ['POST', `/api/keys/${people.key_id}/rotate`],
    ['DELETE', `/api/keys/${people.key_id}`],
    ['POST', `/api/keys/${user}/rotate`],
    ['POST', `/api/keys/${machine}/rotate`],
    ['POST', `/api/keys/${ownId}/rotate`],
    ['POST', `/api/keys/${loose.key_id}/rotate`],
    ['POST', `/api/keys/${loose.key_id}/bind`, { machine_id: 'm-own' }],
    ['POST', `/api/keys/${machine}/bind`, { machine_id: 'm-own' }],
    ['DELETE', `/api/keys/${ownId}`],
    ['DELETE', `/api/keys/${machine}`],
    ['DELETE', '/api/machines/m-own'],
    ['DELETE', '/api/machines/m-local'],
    ['PATCH', '/api/machines/m-own', { name: 'other' }],
    ['POST', '/api/enrolments', {}],
    ['DELETE', `/api/enrolments/${before.tokens.at(-1)!.token_id}`],
    ['POST', '/enroll', enroll],
  ]
  const lists = ['keys.json', 'user-keys.json', 'enrolments.json']
  const unchanged = async (what: string) => {
    assert.deepEqual(await all(), before, what)
    const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
    assert.deepEqual(machines.map(({ name }) => name).sort(), ['host-1', 'own'], what)
  }
  for (const [method, path, body] of requests) {
    const { status } = await blocked(lists, () => hub.request(method, path, body))
    assert.ok(status >= 500, `${method} ${path}: ${status}`)
    await unchanged(`${method} ${path}`)
  }
  // The hub's own keys are also stored in separate files.
  const files = ['user.key', 'machine.key']
  for (const [method, path] of requests.filter(([, path]) => path.includes(user) || path.includes('local'))) {
    const { status } = await blocked(files, () => hub.request(method, path))
    assert.ok(status >= 500, `${method} ${path}: ${status}`)
    await unchanged(`${method} ${path}`)
  }
  await hub.restart()
  await unchanged('after a restart')
  for (const [key, id] of [
    [own, 'm-own'],
    [hub.key('machine'), 'm-local'],
    [loose.key, 'm-loose'],
  ] as const)
    await greet(key, id)
  assert.equal((await hub.request('POST', '/enroll', enroll)).status, 200)
})

test('a machine can connect while the disk is full, and its old key still works', async (t) => {
  const { hub, loose, own, greet, blocked } = await open(t)
  const next = await hub.enroll('own', {}, own)
  await blocked(['keys.json'], async () => {
    await greet(loose.key, 'm-loose')
    await greet(loose.key, 'm-other', 'server:refuse')
    await greet(next, 'm-own')
    await greet(own, 'm-own')
    await greet(next, 'm-own')
  })
  await greet(next, 'm-own')
  await assert.rejects(LightDaemon.dial(hub.url, own), /401/)
})
