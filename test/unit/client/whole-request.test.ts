import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colors } from '../../../src/cli/render/ansi.ts'
import { permissionText } from '../../../src/cli/render/permission.ts'
import { wholeRequest } from '../../../src/client/whole-request.ts'
import type { EventPage, HubAgent, PermissionRequest } from '../../../src/protocol/index.ts'

const EVENT = {
  kind: 'permission_request' as const,
  offset: 4_000_000,
  index: 0,
  request_id: 'r',
  ask: 'tool' as const,
  tool: 'Write',
  input: { content: 'all of it' },
}
const omitted: PermissionRequest = {
  request_id: 'r',
  ask: 'tool',
  tool: 'Write',
  input: {},
  input_omitted: true,
}

function hub(end: number, from = 0) {
  const asked: (string | undefined)[] = []
  return {
    asked,
    agent: async () => ({ offset: asked.length < from ? 0 : end }) as HubAgent,
    events: async (_id: string, after?: string): Promise<EventPage> => {
      asked.push(after)
      const there = asked.length > from && EVENT.offset > Number(after?.split('.')[0] ?? 0)
      return { events: there ? [EVENT] : [] }
    },
  }
}

test('the client finds an input that is too long for a status by searching the history backward', async () => {
  const { asked, ...client } = hub(4_100_000)
  assert.deepEqual((await wholeRequest(client, 'a', omitted)).input, EVENT.input)
  assert.equal(asked.length, 1)
  const far = hub(40_000_000)
  assert.deepEqual((await wholeRequest(far, 'a', omitted)).input, EVENT.input)
  assert.equal(far.asked.at(-1), undefined)
})

test('the client waits for an input that has not reached the hub, and then reports it as missing', async () => {
  assert.deepEqual((await wholeRequest(hub(4_100_000, 1), 'a', omitted)).input, EVENT.input)
  const none = hub(10, Number.POSITIVE_INFINITY)
  const left = await wholeRequest(none, 'a', omitted, { arrivalMs: 0 })
  assert.match(permissionText(left, colors(false)), /before you decide/)
  assert.match(permissionText({ ...left, ask: 'plan' }, colors(false)), /before you decide/)
})

test('an event without a digest matches a request with a digest once the history is complete', async () => {
  const { asked: _, ...client } = hub(4_100_000)
  const named = { ...omitted, digest: 'd' }
  const behind = { ...client, agent: async () => ({ offset: 4_100_000, end: 4_100_001 }) as HubAgent }
  assert.deepEqual((await wholeRequest(behind, 'a', named, { arrivalMs: 0 })).input, {})
  const all = { ...client, agent: async () => ({ offset: 4_100_000, end: 4_100_000 }) as HubAgent }
  const whole = await wholeRequest(all, 'a', named)
  assert.deepEqual([whole.input, whole.digest], [EVENT.input, 'd'])
})

test('a history without the event is read once, and after that, only its new part is read', async () => {
  const text = { kind: 'text' as const, message_id: 'm', text: 'hello' }
  const all: EventPage['events'] = [{ ...text, offset: 0, index: 0 }]
  const asked: (string | undefined)[] = []
  const client = {
    agent: async () => ({ offset: 4_100_000 }) as HubAgent,
    events: async (_id: string, after?: string): Promise<EventPage> => {
      asked.push(after)
      const events = all.filter(({ offset }) => after === undefined || offset > Number(after.split('.')[0]))
      if (asked.length === 3) all.push(EVENT)
      return { events }
    },
  }
  assert.deepEqual((await wholeRequest(client, 'a', omitted)).input, EVENT.input)
  assert.deepEqual(asked.slice(1), [undefined, '0.0', '0.0'])
})
