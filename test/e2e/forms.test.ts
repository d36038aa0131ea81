import assert from 'node:assert/strict'
import { test } from 'node:test'
import lt from 'semver/functions/lt.js'
import type { AgentSpec, Event } from '../../src/protocol/index.ts'
import { ASKING_MCP_SERVER } from '../support/asking-mcp-server.ts'
import { type ClaudeStage, claudeStage } from '../support/claude-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { mock } from '../support/messages-script.ts'
import { until } from '../support/wait.ts'

type Asked = Event & { kind: 'permission_request' }

const SPEC: Partial<AgentSpec> = {
  mcp_servers: { asks: { command: process.execPath, args: ['-e', ASKING_MCP_SERVER] } },
  mcp_strict: true,
  allowed_tools: ['mcp__asks'],
}

const FORM = {
  message: 'Where to?',
  requestedSchema: {
    type: 'object',
    properties: {
      env: { type: 'string', title: 'Environment', enum: ['dev', 'prod'], enumNames: ['Dev', 'Prod'] },
      replicas: { type: 'integer', minimum: 1, default: 2 },
      sure: { type: 'boolean' },
    },
    required: ['env'],
  },
}
const ADDRESS = {
  mode: 'url',
  message: 'Please log in.',
  url: 'https://login.example/?next=1',
  elicitationId: 'e-1',
}

/** True for versions of Claude Code before 2.1.330, the first version with URLs in elicitations. */
const OLDER = lt(process.env.TEST_CLAUDE_VERSION ?? '2.1.332', '2.1.330')

const asking = (params: object) => mock([{ tool: 'mcp__asks__ask', input: { params } }], [{ text: 'end' }])

/** Makes the agent's MCP server ask for `params`. Returns the request and the final answer to the server. */
async function elicit({ stage }: ClaudeStage, agent: string, params: object) {
  const before = (await stage.events(agent)).length
  const sent = await stage.command(agent, 'prompt', { content: asking(params) })
  assert.equal(sent.state, 'succeeded', JSON.stringify(sent))
  const after = async <K extends Event['kind']>(kind: K) =>
    (await until(async () => (await stage.events(agent)).slice(before).find((event) => event.kind === kind), {
      what: kind,
    })) as Event & { kind: K }
  const request: Asked = await after('permission_request')
  assert.equal((await stage.agentIs(agent, 'waiting')).pending[0]?.request_id, request.request_id)
  const told = async () => {
    const { content } = await after('tool_result')
    await stage.agentIs(agent, 'idle')
    return JSON.parse((content as { text: string }[])[0]!.text)
  }
  return { request, told }
}

test('an MCP server’s form is shown, checked, filled in, declined, and canceled', async (t) => {
  const staged = await claudeStage(t)
  const { stage } = staged
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start(SPEC)
  const ask = (params: object) => elicit(staged, agent, params)
  const answer = (request_id: string, rest: object) => stage.command(agent, 'answer', { request_id, ...rest })

  const filled = await ask(FORM)
  const { request_id, form } = filled.request
  assert.deepEqual([filled.request.ask, form?.server, form?.message], ['question', 'asks', 'Where to?'])
  assert.deepEqual(
    form?.fields.map(({ name, type, required }) => [name, type, required]),
    [
      ['env', 'string', true],
      ['replicas', 'integer', undefined],
      ['sure', 'boolean', undefined],
    ],
  )
  for (const [answers, code, path] of [
    [{ sure: true }, 'answers_incomplete', 'answers.env'],
    [{ env: 'qa' }, 'invalid_command', 'answers.env'],
    [{ env: 'dev', replicas: 'many' }, 'invalid_command', 'answers.replicas'],
    [{ env: 'dev', size: 1 }, 'invalid_command', 'answers.size'],
  ] as const) {
    const { error } = await answer(request_id, { answers })
    assert.deepEqual([error?.code, error?.path], [code, path])
  }
  // The command line answers the request after a restart of the daemon.
  await stage.renew()
  const typed = stage.run(['agent', 'answer', agent, '2', 'sure=yes', ...(await stage.asked(agent))])
  assert.equal(await typed.ended, 0, typed.log())
  assert.deepEqual(await filled.told(), {
    action: 'accept',
    content: { env: 'prod', replicas: 2, sure: true },
  })
  assert.equal((await answer(request_id, { answers: { env: 'dev' } })).error?.code, 'request_not_pending')

  const declined = await ask(FORM)
  const deny = stage.run(['agent', 'deny', agent])
  assert.equal(await deny.ended, 0, deny.log())
  assert.deepEqual(await declined.told(), { action: 'decline' })

  const cancelled = await ask(FORM)
  await answer(cancelled.request.request_id, { action: 'cancel' })
  assert.deepEqual(await cancelled.told(), { action: 'cancel' })
})

test('an MCP server’s URL is shown and accepted, or refused by versions of Claude Code that do not support URLs', async (t) => {
  const staged = await claudeStage(t)
  const { stage } = staged
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start(SPEC)
  if (OLDER) {
    const sent = await stage.command(agent, 'prompt', { content: asking(ADDRESS) })
    assert.equal(sent.state, 'succeeded', JSON.stringify(sent))
    const { content } = await stage.eventually(agent, 'tool_result')
    assert.match(JSON.stringify(content), /does not support|unsupported|invalid/i)
    return
  }
  const address = await elicit(staged, agent, ADDRESS)
  assert.equal(address.request.form?.url, ADDRESS.url)
  const shown = stage.run(['agent', 'show', agent])
  assert.equal(await shown.ended, 0, shown.log())
  assert.match(
    shown.log(),
    /MCP server "asks" asks: Please log in\.\s+Address to open, at login\.example: https:/,
  )
  const accept = stage.run(['agent', 'answer', agent, 'accept', ...(await stage.asked(agent))])
  assert.equal(await accept.ended, 0, accept.log())
  assert.deepEqual(await address.told(), { action: 'accept' })
})

test('a server without support for forms can answer a form as questions, and an interrupt withdraws a form', async (t) => {
  const staged = await claudeStage(t)
  const { stage } = staged
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start(SPEC)
  const { request, told } = await elicit(staged, agent, FORM)
  const [env, replicas, sure] = request.questions!.map(({ question }) => question)
  const answers = { [env!]: 'Prod', [replicas!]: '4', [sure!]: 'No' }
  await stage.command(agent, 'answer', { request_id: request.request_id, answers })
  assert.deepEqual(await told(), { action: 'accept', content: { env: 'prod', replicas: 4, sure: false } })

  const withdrawn = await elicit(staged, agent, FORM)
  const { request_id } = withdrawn.request
  const ended = await stage.command(agent, 'permission', { request_id, decision: 'deny', interrupt: true })
  assert.equal(ended.state, 'succeeded')
  assert.deepEqual((await stage.agentIs(agent, 'idle')).pending, [])
})

test('a request of an unknown type is refused and reported, and the agent continues', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'request of_tomorrow' })
  await stage.eventually(agent, 'turn_result')
  const notice = await stage.eventually(agent, 'notice')
  assert.deepEqual([notice.about, typeof notice.request_id], ['control_request', 'string'])
  assert.match(notice.text, /"of_tomorrow"/)

  // The next request arrives while no daemon is running.
  await stage.command(agent, 'prompt', { content: 'request of_the_day_after 1500' })
  await stage.agentIs(agent, 'working')
  daemon.kill('SIGKILL')
  await daemon.ended
  await stage.daemon()
  await stage.eventually(agent, 'turn_result', ({ text }) => text?.includes('of_the_day_after') ?? false)
  const said = (await stage.events(agent)).flatMap((event) => (event.kind === 'text' ? [event.text] : []))
  assert.deepEqual(said, ['of_tomorrow: refused 1', 'of_the_day_after: refused 1'])
})
