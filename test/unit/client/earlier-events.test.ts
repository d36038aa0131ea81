import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { fetchTransport } from '../../../src/client/fetch-transport.ts'
import { HubClient } from '../../../src/client/hub-client.ts'
import type { Transport } from '../../../src/client/transport.ts'
import { TestHub } from '../../support/hub.ts'
import { frameOf, statusOf } from '../../support/light-daemon.ts'
import type { Cleanup } from '../../support/temp.ts'

/** A transport to a hub that ignores `before`, as hubs did before they knew it. */
const older = (transport: Transport): Transport => ({
  ...transport,
  send: (request) => transport.send({ ...request, path: request.path.replace(/before=[^&]*&/, '') }),
})

const identity = (transport: Transport) => transport

async function clientOf(t: Cleanup, wrap: typeof older, send: (hub: TestHub) => Promise<void>) {
  const hub = await TestHub.open(t)
  await send(hub)
  const transport = fetchTransport(hub.url, { authorization: `Bearer ${hub.key('user')}` })
  return new HubClient(wrap(transport), { newId: randomUUID })
}

/** Reads all pages, from the newest to the oldest. @returns the offsets on each page */
async function pagesOf(client: HubClient, limit: number): Promise<number[][]> {
  const pages: number[][] = []
  for (let before: string | undefined; ; ) {
    const { events, previous } = await client.eventsBefore('a', before, limit)
    assert.ok(events.length <= limit)
    pages.unshift(events.map(({ offset }) => offset))
    if (previous === undefined) return pages
    before = previous
  }
}

for (const [name, wrap] of [['a hub', identity] as const, ['an older hub', older] as const]) {
  test(`${name}: pages that are read backward contain each event once`, async (t) => {
    const client = await clientOf(t, wrap, async (hub) => {
      const daemon = await hub.daemon({ agents: [statusOf('a')] })
      for (let at = 0; at < 1000; at += 100) daemon.send(frameOf('a', at, at + 100))
      // A long range without events.
      daemon.send({ type: 'agent:activity', agent_id: 'a', from: 1000, to: 3_000_000, events: [] })
      daemon.send(frameOf('a', 3_000_000, 3_000_040))
      await daemon.acknowledged('a', 3_000_040)
    })
    for (const limit of [1, 3, 7, 104, 200]) {
      const pages = await pagesOf(client, limit)
      const expected = [...Array(100).keys()].map((n) => n * 10)
      assert.deepEqual(pages.flat(), [...expected, 3_000_000, 3_000_010, 3_000_020, 3_000_030])
    }
    const { events } = await client.eventsBefore('a', '500.0', 2)
    assert.deepEqual(
      events.map(({ offset }) => offset),
      [480, 490],
    )
  })

  test(`${name}: the history of a new agent has one empty page`, async (t) => {
    const client = await clientOf(t, wrap, async (hub) => {
      await hub.daemon({ agents: [statusOf('a')] })
    })
    assert.deepEqual(await pagesOf(client, 10), [[]])
  })
}
