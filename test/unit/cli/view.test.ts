import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { View } from '../../../src/cli/agent/view.ts'
import type { HubClient } from '../../../src/client/hub-client.ts'
import { UserError } from '../../../src/platform/errors.ts'
import type { Event, HubAgent, PermissionRequest } from '../../../src/protocol/index.ts'
import { until } from '../../support/wait.ts'

const REQUEST: PermissionRequest = { request_id: 'r1', ask: 'tool', tool: 'Bash', input: { command: 'ls' } }
const OTHER: PermissionRequest = { ...REQUEST, request_id: 'r2', tool: 'Write', input: { file_path: '/x' } }
const eventOf = (request: PermissionRequest): Event => ({
  kind: 'permission_request',
  offset: 0,
  index: 0,
  ...request,
})
const agent = (...pending: PermissionRequest[]) => ({ pending, connected: true }) as HubAgent

/** A view without a terminal, its output, and manual timers. The system clock stands still. */
function opened(t: TestContext, json = false) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(Date, 'now', () => 0)
  const written: string[] = []
  for (const stream of [process.stdout, process.stderr])
    t.mock.method(stream, 'write', (text: string) => written.push(text) > 0)
  const view = new View({} as HubClient, 'a1', { json, over: new AbortController() })
  return {
    view,
    passes: (ms: number) => t.mock.timers.tick(ms),
    /** Returns the output since the last call. */
    said: () => stripVTControlCharacters(written.splice(0).join('')),
  }
}

test('if the status with a request arrives before its event, the question about the request appears after the event is shown', (t) => {
  const { view, passes, said } = opened(t)
  view.status(agent(REQUEST))
  passes(500)
  const early = said()
  view.activity(eventOf(REQUEST))
  const shown = said()
  passes(5000)
  view.status(agent(REQUEST))
  const later = said()
  t.mock.reset()
  assert.equal(early, '')
  assert.match(shown, /^\? asks to use Bash: ls\nThe agent waits for an answer: .*a1.*\n$/)
  assert.equal(later, '')
})

test('if the event of a request does not arrive, the question about the request appears after a second, even if the clock is set back', (t) => {
  const { view, passes, said } = opened(t)
  view.status(agent(REQUEST))
  passes(999)
  const early = said()
  passes(1)
  const asked = said()
  view.activity(eventOf(REQUEST))
  const late = said()
  t.mock.reset()
  assert.equal(early, '')
  assert.match(asked, /^The agent waits for an answer: .*\n$/)
  assert.equal(late, '? asks to use Bash: ls\n')
})

test('no question appears if a request was answered before its event arrived, or if the view is closed', async (t) => {
  const { view, passes, said } = opened(t)
  view.status(agent(REQUEST))
  view.status(agent())
  passes(5000)
  view.status(agent(OTHER))
  await view.close()
  passes(5000)
  const all = said()
  t.mock.reset()
  assert.equal(all, '')
})

test('the view offers the command that approves a request only after the request was shown', (t) => {
  const digest = 'd1'
  const seen = { ...REQUEST, digest }
  const omitted = { ...seen, input: {}, input_omitted: true }
  const { view, passes, said } = opened(t)
  view.activity(eventOf(seen))
  view.status(agent(omitted))
  const shown = said()
  view.status(agent({ ...omitted, digest: 'd2' }))
  passes(5000)
  const unseen = said()
  t.mock.reset()
  assert.match(shown, /waits for an answer: fomular-daemon agent approve a1 --request d1 /)
  assert.match(unseen, /waits for an answer: fomular-daemon agent show a1\n$/)
})

test('if the event of a request was shown before its status arrives, the question appears at once, even with JSON output', (t) => {
  const { view, said } = opened(t)
  view.activity(eventOf(REQUEST))
  said()
  view.status(agent(REQUEST))
  const asked = said()
  t.mock.reset()
  const programs = opened(t, true)
  programs.view.status(agent(REQUEST, OTHER))
  programs.view.activity(eventOf(REQUEST))
  const one = programs.said()
  programs.view.activity(eventOf(OTHER))
  const two = programs.said()
  t.mock.reset()
  assert.match(asked, /^The agent waits for an answer: /)
  assert.match(one, /^\{"kind":"permission_request".*\}\nThe agent waits for an answer: .*\n$/)
  assert.match(two, /^\{"kind":"permission_request".*\}\nThe agent waits for an answer: .*\n$/)
})

test('the error for a refused answer cannot control the terminal, and is shown with its remedy', async (t) => {
  const terminal = () => Object.assign(new PassThrough(), { isTTY: true })
  const [input, output, errors] = [terminal(), terminal(), terminal()]
  t.mock.getter(process, 'stdin', () => input)
  t.mock.getter(process, 'stdout', () => output)
  t.mock.getter(process, 'stderr', () => errors)
  const written: string[] = []
  for (const stream of [output, errors]) stream.on('data', (data) => written.push(String(data)))
  const refusal = new UserError('answer_invalid', 'No \u001b]0;title\u0007.', {
    remedy: 'Type \u001b[2J it.',
  })
  const client = { agentCommand: () => Promise.reject(refusal) } as unknown as HubClient
  const view = new View(client, 'a1', { over: new AbortController() })
  view.activity(eventOf(REQUEST))
  view.status(agent(REQUEST))
  await until(() => written.join('').includes('y yes, n no'), { what: 'the question' })
  input.write('y\n')
  await until(() => written.join('').includes('title'), { what: 'the refusal' })
  view.connection(new UserError('hub_unreachable', 'gone \u001b]0;other\u0007.'))
  await view.close()
  await until(() => written.join('').includes('other'), { what: 'the lost connection' })
  const all = written.join('')
  assert.ok(!all.includes('\u001b]0;') && !all.includes('\u001b[2J'), JSON.stringify(all))
  assert.match(all, /No ␛\]0;title␇\. Type ␛\[2J it\.\n/)
  assert.match(all, /Lost the connection to the hub \(gone ␛\]0;other␇\.\) Reconnecting/)
})

test('a usage limit is reported once, with the time of its reset', (t) => {
  const { view, said } = opened(t)
  const limited = { ...agent(), limited: { until: '2026-01-01T06:00:00.000Z', waits: true } }
  view.status(limited)
  const first = said()
  view.status(limited)
  const again = said()
  view.status({ ...agent(), limited: {} })
  const other = said()
  t.mock.reset()
  const words = 'The agent is at the usage limit of its account'
  assert.equal(first, `${words} until 2026-01-01T06:00:00.000Z. Its turn continues after that.\n`)
  assert.equal(again, '')
  assert.equal(other, `${words}.\n`)
})

test('requests that the status leaves out are reported whenever their number grows', (t) => {
  const { view, said } = opened(t)
  const reports = [1, 1, 3, 2, 3].map((pending_omitted) => {
    view.status({ ...agent(), pending_omitted })
    return said()
  })
  t.mock.reset()
  assert.match(reports[0]!, /^The hub does not list 1 open request of the agent\. .* agent show a1\n$/)
  assert.match(reports[2]!, /^The hub does not list 3 open requests /)
  assert.deepEqual([reports[1], reports[3]], ['', ''])
})
