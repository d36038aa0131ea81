import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeLine } from '../../src/agents/decode.ts'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import { Health } from '../../src/daemon/health.ts'
import { createLogger } from '../../src/platform/log.ts'
import { type Event, parseFromDaemon } from '../../src/protocol/index.ts'
import { agentsIn, leftAgent } from '../support/agents.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'

const limit = (resetsAt: string) =>
  `{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":${resetsAt}}}`
const idle = '{"type":"system","subtype":"session_state_changed","state":"idle"}'

/** Lines with numbers that no date, sum or frame can be made of. */
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
    clock: new ManualClock(),
    nextRevision: () => ++revision,
    changed: () => {},
    awake: () => {},
  })
}

test('what comes behind a line with impossible numbers is delivered, and all of it fits the protocol', (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()
  for (const line of STRANGE) appendFileSync(at('activity.jsonl'), `${line}\n${idle}\n`)
  const watched = health(t)
  const agents = agentsIn(dir, { observed: (event) => watched.observe(event) })
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

test('an observer that fails is logged once and keeps back nothing', (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()
  for (let n = 0; n < 20; n++) appendFileSync(at('activity.jsonl'), `${idle}\n`)
  const logged: unknown[] = []
  const logger = createLogger({ level: 'silent', stderr: 'none' })
  logger.error = ((...args: unknown[]) => logged.push(args)) as never
  const agents = agentsIn(dir, {
    logger,
    observed: () => {
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

test('a line on which the decoder of a runtime fails arrives as unreadable', () => {
  const events: Event[] = decodeLine(Buffer.from('{"type":"new"}'), 7, () => {
    throw new TypeError('undefined is not a function')
  })
  assert.deepEqual(events, [
    { kind: 'unreadable', reason: 'not_json', bytes: 14, text: '{"type":"new"}', offset: 7, index: 0 },
  ])
  assert.deepEqual(decodeLine(Buffer.from(limit('1e999')), 0, decode)[0]?.kind, 'rate_limit')
})
