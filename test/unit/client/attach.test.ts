import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { attach } from '../../../src/client/attach.ts'
import { fetchTransport } from '../../../src/client/fetch-transport.ts'
import type { Followed } from '../../../src/client/follow.ts'
import { HubClient } from '../../../src/client/hub-client.ts'
import type { HubFailure } from '../../../src/client/hub-failure.ts'
import { TestHub } from '../../support/hub.ts'
import { frameOf, statusOf } from '../../support/light-daemon.ts'
import type { Cleanup } from '../../support/temp.ts'
import { until } from '../../support/wait.ts'

/** Forwards one address to a hub that may end and start again on another port. */
async function lineTo(t: Cleanup, hub: TestHub) {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((client) => {
    if (isCut) return client.destroy()
    const far = connect(hub.port, '127.0.0.1')
    for (const socket of [client, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        far.destroy()
      })
    }
    client.pipe(far).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  t.after(() => {
    cut()
    server.close()
  })
  const mend = () => {
    isCut = false
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut, mend }
}

const pageAt = (url: string, key: string) =>
  new HubClient(fetchTransport(url, { authorization: `Bearer ${key}` }), { newId: randomUUID })

test('a page that follows an agent with `fetch` gets every event once, even if the hub restarts', async (t) => {
  const hub = await TestHub.open(t)
  const line = await lineTo(t, hub)
  const client = pageAt(line.url, hub.key('user'))
  const daemon = await hub.daemon({ agents: [statusOf('a-1', { end: 20 })] })
  daemon.send(frameOf('a-1', 0, 20))
  await daemon.acknowledged('a-1', 20)

  const seen: Followed[] = []
  const problems: (string | undefined)[] = []
  const attached = (async () => {
    for await (const item of attach(client, 'a-1', {
      signal: AbortSignal.timeout(30_000),
      connection: (problem) => problems.push((problem as HubFailure | undefined)?.kind),
      hasEnded: ({ state }) => state === 'exited',
    }))
      seen.push(item)
  })()
  const offsets = () => seen.flatMap((item) => (item.type === 'activity' ? [item.event.offset] : []))
  await until(() => offsets().length === 2, { what: 'two events' })
  line.cut()
  await until(() => problems.length === 1, { what: 'the loss of the connection' })
  await hub.restart()
  line.mend()
  const again = await hub.daemon({ agents: [statusOf('a-1', { revision: 2, end: 40 })] })
  again.send(frameOf('a-1', 20, 40))
  await until(() => offsets().length === 4, { what: 'four events' })
  assert.deepEqual(problems, ['unreachable', undefined])

  // The status that reports the end arrives before the last activity.
  again.send({ type: 'agent:status', ...statusOf('a-1', { revision: 3, state: 'exited', end: 60 }) })
  await until(() => seen.some((item) => item.type === 'status' && item.agent.state === 'exited'), {
    what: 'the end',
  })
  again.send(frameOf('a-1', 40, 60))
  await attached
  assert.deepEqual(offsets(), [0, 10, 20, 30, 40, 50])
})

test('a page gets the kind of each failure, and gets a remedy only if the hub sent one', async (t) => {
  const hub = await TestHub.open(t)
  const failure = (promise: Promise<unknown>): Promise<HubFailure> =>
    promise.then(
      () => assert.fail('nothing failed'),
      (error: HubFailure) => error,
    )
  const wrong = await failure(pageAt(hub.url, 'wrong').agents())
  assert.deepEqual([wrong.kind, wrong.code, wrong.remedy], ['unauthorized', 'unauthorized', undefined])
  const client = pageAt(hub.url, hub.key('user'))
  const missing = await failure(client.agent('a-1'))
  assert.deepEqual([missing.kind, missing.code], ['refused', 'agent_not_found'])
  assert.equal(await client.installer(), undefined)
  const { url } = hub
  await hub.stop()
  const gone = await failure(pageAt(url, 'key').agents())
  assert.deepEqual(
    [gone.kind, gone.code, gone.message],
    ['unreachable', 'hub_unreachable', `No hub answers at ${url}.`],
  )
})
