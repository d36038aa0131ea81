import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isPublic } from '../../src/hub/push/public-address.ts'
import { PushServices } from '../../src/hub/push/push-services.ts'
import type { HubSubscription, PushState } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { memoryLog } from '../support/memory-log.ts'
import { PushBrowser, PushService } from '../support/push-service.ts'
import { bearer, makeKey } from '../support/role-keys.ts'
import { requestFor } from '../support/scripted-agent.ts'
import { signInWithKey } from '../support/sessions.ts'
import { until } from '../support/wait.ts'

const INNER = [
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.9.9.9', '169.254.169.254', '172.16.0.1'],
  ...['172.31.255.255', '192.168.1.1', '192.0.0.8', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1'],
  ...['64:ff9b::a00:1', '2002:a00:1::', '2001::1', '2001:db8::1', 'fec0::1'],
]
const OUTER = ['8.8.8.8', '172.32.0.1', '100.128.0.1', '192.1.0.1', '2606:4700::1111', '2a00:1450:4001::1']

const host = (address: string) => (address.includes(':') ? `[${address}]` : address)

test('only addresses of the public internet count as public', () => {
  for (const address of INNER) assert.equal(isPublic(address), false, address)
  for (const address of OUTER) assert.equal(isPublic(address), true, address)
})

test('a browser cannot subscribe with an address inside the hub’s network, or without TLS', async (t) => {
  const hub = await TestHub.open(t)
  const { keys } = new PushBrowser()
  const subscribe = (endpoint: string) => hub.request('POST', '/api/push/subscriptions', { endpoint, keys })
  const refused = [
    ...INNER.map((address) => `https://${host(address)}/send`),
    // Other spellings of loopback and private addresses.
    ...[
      'https://0x7f.1/',
      'https://2130706433/',
      'https://127.1/',
      'https://012.0.0.1/',
      'https://localhost/',
    ],
    ...['https://a.localhost/', 'http://push.example.com/', 'http://8.8.8.8/', 'ftp://push.example.com/'],
    ...['https://name:word@push.example.com/', 'file:///etc/passwd', 'push.example.com'],
  ]
  for (const endpoint of refused) {
    const answer = await subscribe(endpoint)
    assert.equal(answer.status, 400, endpoint)
    const { error } = (await answer.json()) as { error: { code: string } }
    assert.equal(error.code, 'push_endpoint', endpoint)
  }
  assert.equal((await subscribe(`https://push.example.com/${'a'.repeat(2048)}`)).status, 400)
  assert.equal((await subscribe('https://push.example.com/send')).status, 201)
})

test('the hub connects to no inner address, even if a name leads there, and follows no redirect', async (t) => {
  const inside = await PushService.open(t)
  const port = new URL(inside.origin).port
  let addresses: string[] = []
  const resolve = async () => addresses
  const strict = new PushServices({ loopback: false, resolve })
  const send = (services: PushServices, url: string) => services.post(new URL(url), {}, Buffer.from('x'))
  for (const inner of INNER) {
    addresses = [inner]
    await assert.rejects(send(strict, `https://push.example.com:${port}/`), /no public address/, inner)
  }
  // A record of an earlier hub, or a changed file.
  await assert.rejects(send(strict, `http://127.0.0.1:${port}/`), /on the hub/)
  await assert.rejects(send(strict, `http://push.example.com:${port}/`), /not an https address/)
  await assert.rejects(send(strict, 'https://[fd12::1]/'), /not a public address/)
  assert.equal(inside.pushed.length, 0)

  const own = new PushServices({ loopback: true, resolve })
  addresses = ['10.0.0.1']
  await assert.rejects(send(own, `https://push.example.com:${port}/`), /no public address/)
  await assert.rejects(send(own, `http://10.0.0.1:${port}/`), /not an https address/)
  inside.answers.push([307, { location: `${inside.origin}/elsewhere` }])
  assert.equal((await send(own, `${inside.origin}/send`)).status, 307)
  assert.deepEqual(
    inside.pushed.map(({ path }) => path),
    ['/send'],
  )
})

test('a push service that never answers delays neither other people nor activity', async (t) => {
  const service = await PushService.open(t)
  service.silent = /^\/silent/
  const hub = await TestHub.open(t, { pushLoopback: true })
  const subscribe = async (name: string, key: string) => {
    const body = service.subscription(name)
    assert.equal((await hub.request('POST', '/api/push/subscriptions', body, bearer(key))).status, 201)
  }
  const hostile = await makeKey(hub, 'hostile', 'viewer')
  for (let n = 0; n < 16; n++) await subscribe(`silent-${n}`, hostile.key)
  const ada = await makeKey(hub, 'ada', 'viewer')
  await subscribe('phone', ada.key)
  const pending = [requestFor('r1', { command: 'ls' })]
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 2, state: 'waiting', pending }) })
  await until(() => service.pushed.some(({ path }) => path === '/phone'), {
    what: 'the push to the other person',
  })
  daemon.send({
    type: 'agent:activity',
    agent_id: 'a',
    from: 0,
    to: 10,
    events: [{ kind: 'text', offset: 0, index: 0, text: 'done' }],
  })
  await daemon.acknowledged('a', 10)
  assert.ok(service.pushed.filter(({ path }) => path.startsWith('/silent')).length <= 3)
})

test('no list, log, or other file contains the secrets of a subscription', async (t) => {
  const { logger, lines } = memoryLog()
  const text = () => JSON.stringify(lines)
  const hub = await TestHub.open(t, { pushLoopback: true, logger })
  const service = await PushService.open(t)
  const secret = service.subscription('secret-of-the-browser')
  service.answers.push([400])
  const made = await hub.api<HubSubscription>('POST', '/api/push/subscriptions', secret)
  const pending = [requestFor('r1', { command: 'ls' })]
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 2, state: 'waiting', pending }) })
  await until(() => text().includes('a notification was not delivered'), { what: 'the log' })
  const state = await hub.api<PushState>('GET', '/api/push')
  const audit = await hub.api('GET', '/api/audit')
  await hub.stop()
  const files = readdirSync(hub.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'push.json')
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'))
  const [, key = ''] = readFileSync(join(hub.dir, 'push.key'), 'utf8').split('\n')
  for (const shown of [JSON.stringify([made, state, audit]), text(), ...files]) {
    assert.doesNotMatch(shown, /secret-of-the-browser/)
    assert.ok(!shown.includes(secret.keys.auth))
  }
  assert.ok(!text().includes(key) && !JSON.stringify([state, audit]).includes(key))
})

test('a subscription ends with its session, and nothing is pushed to it afterward', async (t) => {
  const hub = await TestHub.open(t, { pushLoopback: true })
  const service = await PushService.open(t)
  const browser = await signInWithKey(hub, hub.key('user'))
  const post = (body: object) =>
    fetch(`${hub.url}/api/push/subscriptions`, {
      method: 'POST',
      headers: { ...browser.headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  assert.equal((await post(service.subscription('phone'))).status, 201)
  await hub.request('POST', '/api/push/subscriptions', service.subscription('other'))
  await hub.request('DELETE', `/api/sessions/${browser.session.session_id}`)
  assert.doesNotMatch(readFileSync(join(hub.dir, 'push.json'), 'utf8'), /phone/)
  const pending = [requestFor('r1', { command: 'ls' })]
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 2, state: 'waiting', pending }) })
  await service.message()
  assert.deepEqual(
    service.pushed.map(({ path }) => path),
    ['/other'],
  )
})
