import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeLine } from '../../src/agents/events/decode.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import { Health } from '../../src/daemon/health.ts'
import { Outbox, type Source } from '../../src/link/outbox.ts'
import { createLogger } from '../../src/platform/log.ts'
import { type Event, Limits, parseFromDaemon } from '../../src/protocol/index.ts'
import { agentsIn, leftAgent } from '../support/agents.ts'
import { connectLink, serveGreeted } from '../support/greeted.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const limit = (resetsAt: string) =>
  `{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":${resetsAt}}}`
const idle = '{"type":"system","subtype":"session_state_changed","state":"idle"}'

/** Lines with numbers from which no valid date, sum, or frame can be made. */
const STRANGE = [
  limit('1e300'),
  limit('-1e300'),
  limit('1e999'),
  '{"type":"tool_progress","tool_use_id":"t","elapsed_time_seconds":1e999}',
  '{"type":"result","subtype":"success","is_error":false,"total_cost_usd":1.7e308,"usage":{"output_tokens":1},"modelUsage":{"m":{"outputTokens":{"valueOf":1,"toString":1}}}}',
  '{"type":"result","subtype":"success","is_error":false,"total_cost_usd":1.6e308}',
  '{"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":-1e999,"error_status":1e400}',
  '{"type":"constructor"}',
  '{"type":"system","subtype":"__proto__"}',
  '{"__proto__":{"type":"result"}}',
]

function health(t: Cleanup) {
  let revision = 0
  const dir = tempDir(t)
  const space = () => ({ total_bytes: 2 ** 40, available_bytes: 2 ** 39 })
  return new Health({
    runtimes: [],
    cachePath: `${dir}/runtimes.json`,
    stateDir: dir,
    environment: {},
    disk: space,
    memory: space,
    load: () => ({ one_minute: 0, five_minutes: 0, fifteen_minutes: 0, processors: 1 }),
    clock: new ManualClock(),
    nextRevision: () => ++revision,
  })
}

test('lines after a line with impossible numbers are delivered, and everything conforms to the protocol', (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()
  for (const line of STRANGE) appendFileSync(at('activity.jsonl'), `${line}\n${idle}\n`)
  const watched = health(t)
  const agents = agentsIn(dir, { onEvent: (event) => watched.observe(event, claude) })
  t.after(() => agents.close())
  agents.adopt()
  const agent = agents.get('a')
  agent.rewind(0)
  const frame = agent.read(1_000_000)
  assert.ok(frame)
  const { more: _, ...part } = frame
  assert.equal(part.events.filter(({ kind }) => kind === 'state').length, STRANGE.length)
  for (const message of [
    { type: 'agent:activity', agent_id: 'a', ...part },
    { type: 'agent:status', ...agent.status() },
    { type: 'machine:status', ...watched.status() },
  ]) {
    const parsed = parseFromDaemon(JSON.stringify(message))
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error?.message)
  }
})

test('an observer that fails causes one log entry, and delays nothing', (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()
  for (let n = 0; n < 20; n++) appendFileSync(at('activity.jsonl'), `${idle}\n`)
  const logged: unknown[] = []
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  logger.error = ((...args: unknown[]) => logged.push(args)) as never
  const agents = agentsIn(dir, {
    logger,
    onEvent: () => {
      throw new RangeError('Invalid time value')
    },
  })
  t.after(() => agents.close())
  agents.adopt()
  const agent = agents.get('a')
  const frame = agent.read(1_000_000)
  assert.equal(frame?.to, agent.journal.size())
  assert.equal(agent.status().end, frame.to)
  assert.equal(agent.read(1_000_000), undefined)
  assert.equal(logged.length, 1)
})

test("a line that makes a runtime's decoder fail arrives as unreadable", () => {
  const events: Event[] = decodeLine(Buffer.from('{"type":"new"}'), 7, () => {
    throw new TypeError('undefined is not a function')
  })
  assert.deepEqual(events, [
    { kind: 'unreadable', reason: 'not_json', bytes: 14, text: '{"type":"new"}', offset: 7, index: 0 },
  ])
  assert.deepEqual(decodeLine(Buffer.from(limit('1e999')), 0, decode)[0]?.kind, 'rate_limit')
})

const said = (blocks: string, { type = 'assistant', id = 'm' } = {}) =>
  `{"type":"${type}","message":{"id":"${id}","role":"${type}","content":[${blocks}]}}`
const blocks = (block: string, count: number) => `${`${block},`.repeat(count - 1)}${block}`
const result = '{"type":"tool_result","tool_use_id":"t"}'
const words = '{"type":"text","text":""}'

test('a line with too many or too large events arrives as one unreadable event', (t) => {
  for (const line of [
    said(blocks('0', 475_000)),
    said(blocks('0', Limits.line_events + 1)),
    said(blocks(words, 30_000)),
    said(blocks('0', 475_000), { type: 'user' }),
    said(blocks(`${words},${result}`, 9000), { type: 'user' }),
    // Each event repeats the beginning of the line.
    said(blocks(words, 2000), { id: '\\u0000'.repeat(1000) }),
    // Each event of this line has an id that is too long, and would be sent as unreadable.
    said(blocks(words, 9000), { id: 'm'.repeat(2000) }),
  ]) {
    const dir = tempDir(t)
    const { at, started } = leftAgent(dir, 'a')
    started()
    for (let n = 0; n < 5; n++) appendFileSync(at('activity.jsonl'), `${line}\n`)
    appendFileSync(at('activity.jsonl'), `${idle}\n`)
    const agents = agentsIn(dir)
    agents.adopt()
    const agent = agents.get('a')
    agent.rewind(0)
    const events: Event[] = []
    for (let frame = agent.read(64 * 1024); frame; frame = agent.read(64 * 1024))
      for (const event of frame.events) events.push(event)
    agents.close()
    const unreadable = events.filter((event) => event.kind === 'unreadable')
    assert.deepEqual(
      unreadable.map(({ reason, bytes }) => [reason, bytes]),
      Array(5).fill(['too_long', line.length]),
      line.slice(0, 100),
    )
    assert.ok(events.some(({ kind }) => kind === 'state'))
  }
})

test('a line with the maximum number of events arrives in full, and an event with several blocks counts once', () => {
  const events = (line: string) => decodeLine(Buffer.from(line), 0, decode)
  for (const line of [
    said(blocks('0', Limits.line_events)),
    said(blocks(result, Limits.line_events), { type: 'user' }),
    said(blocks(words, 1000), { id: 'msg_01XFDUDYJgAACzvnptvVoYEL' }),
  ])
    assert.equal(events(line).length, JSON.parse(line).message.content.length)
  assert.deepEqual(
    events(said(blocks(words, 30_000), { type: 'user' })).map(({ kind }) => kind),
    ['user'],
  )
})

test('a slow server keeps its link and gets everything, even with ever longer journal lines', async (t) => {
  const frames = 40
  const [line, text] = [64 * 1024, 'x'.repeat(4 * 1024 * 1024)]
  const source: Source = {
    id: 'a',
    sent: 0,
    acked: 0,
    read() {
      const from = this.sent
      if (from === frames * line) return undefined
      Object.assign(this, { sent: from + line })
      return { from, to: from + line, events: [{ kind: 'unknown', offset: from, index: 0, raw: text }] }
    },
    acknowledge(acked: number) {
      Object.assign(this, { acked })
    },
    rewind() {},
  }
  let has = 0
  const server = await serveGreeted(t, (socket) => {
    socket.send(JSON.stringify({ type: 'server:welcome', protocol: { version: 1 } }))
    socket.pause()
    void until(() => link.isBusy, { what: 'a link that is full' }).then(() => socket.resume())
    socket.on('message', (data) => {
      has = JSON.parse(String(data)).to
      socket.send(JSON.stringify({ type: 'agent:ack', offsets: { a: has } }))
    })
  })
  const link = connectLink(t, server.url, {
    onWelcome: () => {
      outbox.open([source], {})
      return []
    },
    onMessage: () => {
      outbox.acknowledge(source, has)
      return []
    },
  })
  const outbox = new Outbox(link)
  link.events.on('drained', () => outbox.onDrained())
  link.events.on('down', () => outbox.close())
  await until(() => source.acked === frames * line, { what: 'all of it', timeoutMs: 60_000 })
  assert.equal(has, frames * line)
  assert.equal(server.greetings, 1)
})
