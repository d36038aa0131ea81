import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Follower } from '../../../../src/hub/gate/followers.ts'
import { ChangeFeed } from '../../../../src/hub/registry/change-feed.ts'
import { ChangeLog } from '../../../../src/hub/registry/change-log.ts'
import { type HubStreamContext, hubStream } from '../../../../src/hub/streams/hub-stream.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { until } from '../../../support/wait.ts'

const unreadResponse = () =>
  Object.assign(new PassThrough({ highWaterMark: 1 }), {
    req: { method: 'GET' },
    writeHead() {},
    flushHeaders() {},
  })

/** Returns a stream of one agent to a client that reads only when the test reads. */
function slowClient(after: string | undefined) {
  const agent = (key: string) => ({ agent_id: key, machine_id: 'm' })
  const feed = new ChangeFeed()
  const changes = new ChangeLog(feed)
  feed.publish({ kind: 'agent', key: 'kept' })
  const response = unreadResponse()
  const context = {
    feed,
    changes,
    clock: systemClock,
    machines: { ids: () => [] },
    agents: { at: agent, viewAt: agent },
  } as unknown as HubStreamContext
  const follower = { response, next: (read: () => unknown) => read() } as unknown as Follower
  hubStream(context, { follower, after, machine_id: undefined, fields: undefined, first: 0 })
  let text = ''
  const read = (wanted: string | RegExp) =>
    until(
      () => {
        text += response.read() ?? ''
        return text.match(wanted)
      },
      { what: String(wanted) },
    )
  const remove = (count: number) => {
    for (let n = 0; n < count; n++)
      feed.publish({ kind: 'agent_removed', key: `a${n}`, agent_id: `a${n}`, machine_id: 'm', shown: true })
  }
  return { feed, response, read, remove }
}

test('a slow client that misses removals starts again with a reset on the same connection', async () => {
  const { feed, read, remove } = slowClient('0')
  await read('"kept"')
  remove(300)
  await read('"a0"')
  remove(20_000)
  await read(/event: reset[\s\S]*event: reset[\s\S]*"kept"/)
  feed.close()
})

test('an older client that misses removals is disconnected, so that it asks for the current state', async () => {
  const { read, remove, response } = slowClient(undefined)
  await read('"kept"')
  remove(300)
  await read('"a0"')
  remove(20_000)
  await until(() => response.read() === null && response.readableEnded, { what: 'the end of the stream' })
})

test('a stream of one machine builds no views of the agents of other machines', async () => {
  const feed = new ChangeFeed()
  const changes = new ChangeLog(feed)
  for (let n = 0; n < 1000; n++) feed.publish({ kind: 'agent', key: `agent-${n}` })
  const response = unreadResponse()
  const at = (key: string) => ({ agent_id: key, machine_id: key === 'agent-900' ? 'mine' : 'other' })
  const views: string[] = []
  const viewAt = (key: string) => {
    views.push(key)
    return at(key)
  }
  const context = { feed, changes, clock: systemClock, machines: { ids: () => [] }, agents: { at, viewAt } }
  const follower = { response, next: (read: () => unknown) => read() } as unknown as Follower
  const options = { follower, after: '0', machine_id: 'mine', fields: undefined, first: 0 }
  hubStream(context as unknown as HubStreamContext, options)
  let text = ''
  await until(
    () => {
      text += response.read() ?? ''
      return text.includes('"agent-900"')
    },
    { what: 'the agent' },
  )
  assert.deepEqual(views, ['agent-900'])
  feed.close()
})
