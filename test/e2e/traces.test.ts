import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { claudeStage } from '../support/claude-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TraceCollector } from '../support/trace-collector.ts'
import { until } from '../support/wait.ts'

const PARENT = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' }
const SECRET = 'the-secret-of-this-test'

test('a turn is a span, with a span for the wait for a person, and without any content', async (t) => {
  const collector = await TraceCollector.open(t)
  const stage = await fakeStage(t, { FOMULAR_TRACES_URL: collector.url })
  const headers = join(stage.dir, 'headers')
  writeFileSync(headers, `Authorization: Bearer ${SECRET}\n`, { mode: 0o600 })
  await stage.hub()
  const daemon = await stage.daemon({ FOMULAR_TRACES_HEADERS_FILE: headers })
  const env = { TRACEPARENT: `00-${PARENT.trace}-${PARENT.span}-01` }
  const agent = await stage.start({ prompt: 'ask', env })
  const { pending } = await stage.agentIs(agent, ({ pending }) => pending.length > 0)
  await stage.command(agent, 'permission', { request_id: pending[0]!.request_id, decision: 'allow' })
  await stage.agentIs(agent, 'idle')
  await until(() => collector.named('invoke_agent').length > 0, { what: 'the span of the turn' })

  const [turn] = collector.named('invoke_agent')
  assert.deepEqual(
    [turn!.name, turn!.traceId, turn!.parentSpanId],
    ['invoke_agent claude', PARENT.trace, PARENT.span],
  )
  assert.equal(turn!.attributes['gen_ai.agent.id'], agent)
  assert.equal(turn!.attributes['fomular.turn.outcome'], 'success')
  assert.equal(turn!.failed, false)
  const [wait] = collector.named('wait_for_person')
  assert.equal(wait!.name, 'wait_for_person tool')
  assert.equal(wait!.traceId, PARENT.trace)
  assert.ok(wait!.ms >= 0 && wait!.ms <= turn!.ms)

  const { machine_id } = (await stage.machine())!
  assert.equal(collector.resources[0]!['host.id'], machine_id)
  assert.equal(collector.headers[0]!.authorization, `Bearer ${SECRET}`)
  assert.deepEqual(collector.faults, [])
  assert.ok(!collector.bodies.some((body) => body.includes(stage.cwd) || body.includes('allowed')))
  assert.ok(!daemon.log().includes(SECRET))
})

test('a collector that refuses everything does not affect the activity of agents', async (t) => {
  const collector = await TraceCollector.open(t)
  collector.status = 400
  const stage = await fakeStage(t, { FOMULAR_TRACES_URL: collector.url })
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  await until(() => daemon.log().includes('spans were dropped'), { what: 'the warning' })
  await stage.command(agent, 'prompt', { content: 'again' })
  await stage.eventually(agent, 'text', ({ text }) => text.includes('again'))
})

test('a stopping daemon sends the last spans', async (t) => {
  const collector = await TraceCollector.open(t)
  const stage = await fakeStage(t, { FOMULAR_TRACES_URL: `${collector.url}/v1/traces` })
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hang' })
  await stage.agentIs(agent, 'working')
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)
  const [turn] = collector.named('invoke_agent')
  assert.ok(turn, 'the turn that the stop has ended has a span')
})

test('tools of Claude Code have spans below the turn, and waits below their tools', async (t) => {
  const collector = await TraceCollector.open(t)
  const { stage } = await claudeStage(t, undefined, { FOMULAR_TRACES_URL: collector.url })
  await stage.hub()
  await stage.daemon({ FOMULAR_TRACES_CONTENT: 'true' })
  const steps = [[{ tool: 'Bash', input: { command: 'touch made-here' } }]]
  const agent = await stage.start({ prompt: `Go. MOCK${JSON.stringify(steps)}` })
  const { pending } = await stage.agentIs(agent, ({ pending }) => pending.length > 0)
  await stage.command(agent, 'permission', { request_id: pending[0]!.request_id, decision: 'allow' })
  await until(() => collector.named('invoke_agent')[0], { what: 'the span of the turn' })
  const only = (name: string) => {
    const [span, ...others] = collector.named(name)
    assert.deepEqual(others, [])
    return span!
  }
  const [turn, tool, wait] = [only('invoke_agent'), only('execute_tool Bash'), only('wait_for_person')]
  assert.deepEqual([tool.parentSpanId, wait.parentSpanId], [turn.spanId, tool.spanId])
  assert.deepEqual([tool.traceId, wait.traceId], [turn.traceId, turn.traceId])
  assert.match(String(tool.attributes['gen_ai.tool.call.arguments']), /touch made-here/)
  assert.ok(Number(turn.attributes['gen_ai.usage.output_tokens']) > 0)
  assert.equal(typeof turn.attributes['gen_ai.request.model'], 'string')
  assert.equal(typeof turn.attributes['gen_ai.conversation.id'], 'string')
  assert.deepEqual(collector.faults, [])
})
