// Needs: promtool
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { claudeStage } from '../support/claude-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { mock } from '../support/messages-script.ts'
import { metricIn, parseOpenMetrics, promtool } from '../support/promtool.ts'
import { freePort, RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const OPEN = { accept: 'application/openmetrics-text; version=1.0.0, text/plain;q=0.5' }
const [file, ...before] = RUN

const inRepository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const ALERTS = inRepository('packaging/monitoring/alerts.yml')
const DASHBOARD = inRepository('packaging/monitoring/dashboard.json')
const README = inRepository('src/metrics/README.md')
const namesIn = (text: string, pattern: RegExp) => [
  ...new Set([...text.matchAll(pattern)].map(([, name]) => name!)),
]

const userKey = (stage: Stage) => readFileSync(join(stage.state, 'hub/user.key'), 'utf8').trim()
const ofHub = (stage: Stage, headers: Record<string, string> = {}) =>
  fetch(`${stage.hubUrl}/metrics`, {
    headers: { authorization: `Bearer ${userKey(stage)}`, ...headers },
  })
const ofDaemon = (stage: Stage, ...args: string[]) =>
  execFileSync(file, [...before, 'metrics', ...args], { env: stage.env, encoding: 'utf8' })

test('the metrics of the daemon and of the hub describe a real conversation', async (t) => {
  const { stage } = await claudeStage(t)
  const port = await freePort()
  await stage.hub()
  await stage.daemon({ FOMULAR_METRICS_PORT: String(port) })
  const touch = { tool: 'Bash', input: { command: 'touch made.txt', description: 'make a file' } }
  const agent = await stage.start({ prompt: mock([touch, { text: 'made' }]) })
  const asked = await stage.eventually(agent, 'permission_request')
  await until(() => metricIn(ofDaemon(stage), 'fomular_permission_requests_open') === 1, {
    what: 'the open request in the metrics',
  })
  await stage.command(agent, 'permission', { request_id: asked.request_id, decision: 'allow' })
  await stage.eventually(agent, 'turn_result')
  const { total_cost_usd = 0 } = await stage.agentIs(agent, 'idle')
  await stage.command(agent, 'stop', {})
  await stage.agentIs(agent, 'exited')

  const scrape = () => fetch(`http://127.0.0.1:${port}/metrics`)
  await until(async () => /agent_exits_total\{/.test(await (await scrape()).text()), { what: 'the end' })
  const plain = await (await scrape()).text()
  const values = (series: string) => metricIn(plain, series)
  assert.equal(values('fomular_link_up'), 1)
  assert.equal(values('fomular_link_connects_total'), 1)
  assert.equal(values('fomular_agent_starts_total{runtime="claude",result="ready"}'), 1)
  assert.equal(values('fomular_agent_exits_total{runtime="claude",reason="stopped"}'), 1)
  assert.equal(values('fomular_agents{runtime="claude",state="exited"}'), 1)
  assert.equal(values('fomular_turns_total{runtime="claude",outcome="success"}'), 1)
  assert.equal(values('fomular_turn_duration_seconds_count'), 1)
  assert.ok(values('fomular_tokens_total{runtime="claude",type="output"}')! > 0)
  assert.ok(total_cost_usd > 0)
  assert.ok(Math.abs(values('fomular_cost_usd_total')! - total_cost_usd) < 1e-9)
  assert.equal(values('fomular_permission_requests_total{runtime="claude"}'), 1)
  assert.equal(values('fomular_permission_wait_seconds_count'), 1)
  assert.equal(values('fomular_permission_requests_open'), 0)
  assert.equal(values('fomular_commands_total{command="agent:permission",result="ok"}'), 1)

  const hub = await (await ofHub(stage)).text()
  assert.equal(metricIn(hub, 'fomular_hub_machines{state="connected"}'), 1)
  assert.equal(metricIn(hub, 'fomular_hub_agents{state="exited"}'), 1)
  assert.equal(metricIn(hub, 'fomular_hub_commands_total{command="agent:stop",result="ok"}'), 1)
  assert.ok(metricIn(hub, 'fomular_hub_commit_duration_seconds_count')! > 0)
  assert.equal(metricIn(hub, 'fomular_hub_store_writable'), 1)
  for (const text of [plain, hub]) {
    assert.equal(promtool(['check', 'metrics'], text), '')
    assert.ok(!text.includes(agent), 'no id is a label')
  }
  parseOpenMetrics(t, ofDaemon(stage))
  const open = await ofHub(stage, OPEN)
  assert.match(open.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/)
  parseOpenMetrics(t, await open.text())
  assert.throws(() => parseOpenMetrics(t, 'fomular_x{ 1\n# EOF\n'))

  const known = namesIn(`${plain}\n${hub}`, /^# TYPE (\w+)/gm)
  for (const page of [ALERTS, DASHBOARD, README]) {
    const named = namesIn(readFileSync(page, 'utf8'), /\b(fomular_\w+)/g)
    assert.ok(named.length > 8, page)
    const unknown = named.filter((name) => !known.includes(name.replace(/_(bucket|sum|count)$/, '')))
    assert.deepEqual(unknown, [], page)
  }
  assert.deepEqual(
    known.filter((name) => !readFileSync(README, 'utf8').includes(`\`${name}`)),
    [],
    'metrics without a description',
  )
})

test('promtool accepts the example alerts', () => {
  assert.match(promtool(['check', 'rules', ALERTS]), /SUCCESS/)
})

test('metrics need a key at the hub, and a loopback name at the port of the daemon', async (t) => {
  const stage = await fakeStage(t)
  const port = await freePort()
  await stage.hub()
  await stage.daemon({ FOMULAR_METRICS_PORT: String(port) })
  assert.equal((await fetch(`${stage.hubUrl}/metrics`)).status, 401)
  const foreign = execFileSync(
    'curl',
    ['-s', '-H', 'Host: evil.example', `http://127.0.0.1:${port}/metrics`],
    { encoding: 'utf8' },
  )
  assert.doesNotMatch(foreign, /fomular_/)
  assert.equal((await fetch(`http://127.0.0.1:${port}/status`)).status, 404)
  const { metrics } = JSON.parse(ofDaemon(stage, '--json'))
  assert.ok(metrics.some(({ name }: { name: string }) => name === 'fomular_link_up'))
})

test('a daemon whose metrics port is taken works without the port, and says so in its log', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon({ FOMULAR_METRICS_PORT: String(stage.port) })
  await until(() => daemon.log().includes('The metrics are not served on port'), { what: 'the line' })
  const agent = await stage.start({ prompt: 'say hello' })
  await stage.eventually(agent, 'turn_result')
  assert.equal(metricIn(ofDaemon(stage), 'fomular_turns_total{runtime="claude",outcome="success"}'), 1)
})
