import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wholeRequest } from '../../../src/cli/client/whole-request.ts'
import { colors } from '../../../src/cli/render/ansi.ts'
import { permissionText } from '../../../src/cli/render/permission.ts'
import type { EventPage, HubAgent, PermissionRequest } from '../../../src/protocol/index.ts'

const request = (rest: Partial<PermissionRequest>): PermissionRequest => ({
  request_id: 'r',
  ask: 'tool',
  tool: 'Bash',
  input: {},
  ...rest,
})
const text = (rest: Partial<PermissionRequest>) => permissionText(request(rest), colors(false))
/** A long text that is dangerous only at its end. */
const long = (end: string) => `${'echo safe\n'.repeat(2000)}${end}`

test('a permission request is shown to its last character', () => {
  assert.match(
    text({ input: { command: long('rm -rf /') } }),
    /rm -rf \/\n +\(end of the request: 2\d{3} lines\)$/,
  )
  assert.match(text({ input: { command: `echo ${'x'.repeat(9000)}; rm -rf /` } }), /; rm -rf \/$/)
  assert.match(text({ tool: 'Write', input: { file_path: '/x', content: long('last line') } }), /last line\n/)
  assert.match(text({ ask: 'plan', input: { plan: long('drop it all') } }), /drop it all\n/)
  assert.match(text({ tool: 'mcp__x', input: { edits: [{ new: long('the end') }] } }), /the end/)
})

test('a question is shown whole, with its options', () => {
  const questions = [
    {
      question: `${'q'.repeat(5000)}?`,
      options: [{ label: `${'l'.repeat(500)}!`, description: `${'d'.repeat(900)}.` }],
    },
  ]
  assert.match(text({ ask: 'question', questions }), /q\?\n +1\. l+! - d+\.$/)
})

test('a description is shown once, and a tool field with that name is not hidden', () => {
  const shown = text({ description: 'Lists', input: { command: 'ls', description: 'Lists' } })
  assert.equal(shown, '? asks to use Bash: ls\n  Described as: Lists')
  assert.match(
    text({ tool: 'mcp__issue', input: { title: 'a', description: 'secret' } }),
    /description: secret/,
  )
})

test('control characters in a permission request are shown instead of obeyed', () => {
  assert.doesNotMatch(text({ input: { command: 'ls\x1b[2J\nrm' } }), /\x1b/)
})

const EVENT = {
  kind: 'permission_request' as const,
  offset: 4_000_000,
  index: 0,
  request_id: 'r',
  ask: 'tool' as const,
  tool: 'Write',
  input: { content: 'all of it' },
}
const omitted = request({ tool: 'Write', input_omitted: true })

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

test('an input too long for a status is found in the history, from its end', async () => {
  const { asked, ...client } = hub(4_100_000)
  assert.deepEqual((await wholeRequest(client, 'a', omitted)).input, EVENT.input)
  assert.equal(asked.length, 1)
  const far = hub(40_000_000)
  assert.deepEqual((await wholeRequest(far, 'a', omitted)).input, EVENT.input)
  assert.equal(far.asked.at(-1), undefined)
})

test('an input that has not reached the hub is awaited, and then reported as missing', async () => {
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

test('a history without the event is read once, and afterwards only its new part', async () => {
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

test('a permission request names its sub-agent and its reason', () => {
  const asks = (rest: Partial<PermissionRequest>) =>
    permissionText(request({ input: { command: 'ls' }, ...rest }), colors(false)).split('\n')
  const one = asks({ subagent_id: 'a1', subagent: 'Read the docs', reason: 'Not in\x1b[2J a folder of it' })
  const two = asks({ subagent_id: 'a2', ask: 'plan', input: { plan: 'Go' }, blocked_path: '/srv' })
  assert.equal(one[0], '? sub-agent "Read the docs": asks to use Bash: ls')
  assert.ok(one.includes('  Why it asks: Not in␛[2J a folder of it'))
  assert.equal(two[0], '? sub-agent a2: asks to approve its plan:')
  assert.ok(asks({ blocked_path: '/srv' }).includes('  Path: /srv'))
  const questions = [{ question: 'Which?', options: [] }]
  assert.equal(asks({ ask: 'question', questions, subagent_id: 'a3' })[0], '? sub-agent a3: Which?')
})
