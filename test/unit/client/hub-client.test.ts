import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { hubClient } from '../../../src/cli/client/hub.ts'
import { type Followed, follow } from '../../../src/client/follow.ts'
import { placeNow } from '../../../src/client/place-now.ts'
import { startHub } from '../../../src/hub/hub.ts'
import { UserError } from '../../../src/platform/errors.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { TestHub } from '../../support/hub.ts'
import { statusOf } from '../../support/light-daemon.ts'
import { agent, message, serve } from '../../support/scripted-hub.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

async function hub(t: Cleanup) {
  const dir = join(tempDir(t), 'hub')
  const running = await startHub({ dir, host: '127.0.0.1', port: 0, logger })
  t.after(() => running.close())
  return { running, key: readFileSync(running.userKeyPath, 'utf8').trim() }
}

async function refusal(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(error instanceof UserError, String(error))
  return error
}

test('a hub without machines has no agents, and starting an agent fails', async (t) => {
  const { running, key } = await hub(t)
  const client = hubClient({ url: running.url, key })
  assert.deepEqual(await client.machines(), [])
  assert.deepEqual(await client.agents(), [])
  const none = await refusal(client.start({ spec: { cwd: '/' } }, 1))
  assert.equal(none.code, 'no_machine')
  assert.equal(none.exitCode, 4)
  assert.equal((await refusal(client.agent('a-1'))).code, 'agent_not_found')
  const bad = await refusal(client.start({ spec: { cwd: 'relative' } }, 1))
  assert.match(bad.message, /spec\.cwd: must be an absolute path/)
})

test('a wrong key is refused, and does not appear in the error', async (t) => {
  const { running } = await hub(t)
  const error = await refusal(hubClient({ url: running.url, key: 'wrong' }).agents())
  assert.equal(error.code, 'unauthorized')
  assert.doesNotMatch(`${error.message} ${error.remedy}`, /wrong/)
})

test('a hub without roles is reported as too old', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' })
    response.end('{"error":{"code":"not_found","message":"There is no GET /api/audit."}}')
  })
  const client = hubClient({ url, key: 'fuk_x' })
  const asked = [
    client.keys(),
    client.createKey({ name: 'alice', role: 'viewer' }),
    client.rotateKey('0123456789ab'),
    client.tokens(),
    client.audit({}, { limit: 1 }),
  ]
  for (const { code, remedy } of await Promise.all(asked.map(refusal))) {
    assert.equal(code, 'hub_too_old')
    assert.match(remedy ?? '', /Update the hub/)
  }
})

test('a missing hub, or another server at its address, is reported', async (t) => {
  const { running, key } = await hub(t)
  await running.close()
  const gone = await refusal(hubClient({ url: running.url, key }).agents())
  assert.equal(gone.code, 'hub_unreachable')
  assert.match(gone.remedy ?? '', /fomular-daemon up/)
  const url = await serve(t, (_request, response) => response.end('<html>'))
  assert.equal((await refusal(hubClient({ url, key }).agents())).code, 'hub_incompatible')
})

test('parts of lists come from a hub that knows them, and from an older hub that sends whole lists', async (t) => {
  const { url, key } = await TestHub.open(t).then(async (hub) => {
    await hub.daemon({ agents: [statusOf('a', { title: 'A' })] })
    await hub.daemon({ machine_id: '..m', hostname: 'host-2', agents: [statusOf('b')] })
    return { url: hub.url, key: hub.key('user') }
  })
  const whole = hubClient({ url, key })
  const lists = { agents: await whole.agents(), machines: await whole.machines() }
  const older = await serve(t, (_request, response) => response.end(JSON.stringify(lists)))
  for (const client of [whole, hubClient({ url: older, key })]) {
    assert.deepEqual(await client.agentFields('title'), [
      { agent_id: 'a', machine_id: 'machine-1', title: 'A' },
      { agent_id: 'b', machine_id: '..m' },
    ])
    assert.deepEqual(
      (await client.agentsOf('..m')).map(({ agent_id }) => agent_id),
      ['b'],
    )
    assert.equal((await client.machine('..m'))?.hostname, 'host-2')
    assert.equal(await client.machine('none'), undefined)
  }
})

test('a compressed answer is read like any other answer, and an incomplete one is an error', async (t) => {
  let answer = gzipSync(JSON.stringify({ agents: [agent()] }))
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    response.end(answer)
  })
  const client = hubClient({ url, key: 'k' })
  assert.deepEqual(await client.agents(), [agent()])
  answer = answer.subarray(0, -10)
  assert.equal((await refusal(client.agents())).code, 'hub_unreachable')
})

test('following an agent continues after the hub has restarted, and ends when the agent is removed', async (t) => {
  const status = agent({ offset: 30, end: 30 })
  const text = (offset: number) => ({ kind: 'text', offset, index: 0, text: `at ${offset}` })
  const asked: (string | undefined)[] = []
  const url = await serve(t, (request, response) => {
    const after = request.headers['last-event-id']
    asked.push(typeof after === 'string' ? after : undefined)
    if (asked.length === 3) {
      response.writeHead(404, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ error: { code: 'agent_not_found', message: 'gone' } }))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (asked.length === 1) {
      response.write(message('activity', text(0), '0.0') + message('status', status))
      // Ends the answer in the middle of a message, like a hub that is killed.
      response.write('event: activity\nid: 10.0\nda', () => response.destroy())
    } else
      response.end(
        message('activity', text(10), '10.0') +
          message('activity', { kind: 'of-the-future', offset: 20, index: 1, x: 1 }, '20.1'),
      )
  })
  const seen: Followed[] = []
  const connection = () => {}
  const signal = new AbortController().signal
  for await (const item of follow(hubClient({ url, key: 'k' }), 'a-1', { signal, connection }))
    seen.push(item)
  assert.deepEqual(asked, [undefined, '0.0', '20.1'])
  assert.deepEqual(seen, [
    { type: 'activity', event: text(0) },
    { type: 'status', agent: status },
    { type: 'activity', event: text(10) },
    {
      type: 'activity',
      event: {
        kind: 'unknown',
        offset: 20,
        index: 1,
        raw: { kind: 'of-the-future', offset: 20, index: 1, x: 1 },
      },
    },
  ])
  assert.equal(placeNow({ ...status, offset: 0 }), undefined)
  assert.equal(placeNow(status), '29.999999999')
})

test('a malformed answer or stream from a hub leads to an error with a remedy', async (t) => {
  const wrong = [
    `{"agents":[${'1,'.repeat(300_000)}1]}`,
    `{"agents":[{"agent_id":"a","pending":[${'{},'.repeat(100_000)}{}]}]}`,
    `${'['.repeat(100_000)}`,
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    `{"agents":[],"of_tomorrow":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    `{"error":{"code":[${'{},'.repeat(100_000)}{}]}}`,
  ]
  let answer = ''
  const url = await serve(t, (request, response) => {
    const stream = request.url?.includes('/stream')
    response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' })
    response.end(answer)
  })
  const client = hubClient({ url, key: 'fuk_x' })
  for (answer of wrong) {
    const { code, message } = await refusal(client.agents())
    assert.equal(code, 'hub_incompatible')
    assert.ok(message.length < 5000)
  }
  const followed = async () => {
    const signal = AbortSignal.timeout(10_000)
    for await (const _ of follow(client, 'a', { signal, connection: () => {} }));
  }
  for (const data of ['{', '1', '{"agent_id":1}', ...wrong])
    for (const event of ['status', 'activity']) {
      answer = `event: ${event}\ndata: ${data}\n\n`
      assert.equal((await refusal(followed())).code, 'hub_incompatible', `${event} ${data.slice(0, 50)}`)
    }
})

test('a stream fails if its connection is silent for too long, so that the client says so and connects again', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(message('status', agent()))
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const stream = hubClient({ url, key: 'fuk_x' }).stream('a-1', undefined, new AbortController().signal)
  const first = await stream.next()
  assert.equal(!first.done && first.value.event, 'status')
  const next = stream.next()
  await new Promise(setImmediate)
  t.mock.timers.tick(60_000)
  const silent = await refusal(next)
  assert.equal(silent.code, 'hub_unreachable')
  assert.match(silent.message, /did not answer in time/)
})
