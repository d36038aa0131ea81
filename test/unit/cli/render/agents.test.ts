import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentText } from '../../../../src/cli/render/agent.ts'
import { agentTable, delayText, endText, stateText } from '../../../../src/cli/render/agents.ts'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { textWidth } from '../../../../src/cli/render/width.ts'
import type { AgentStatus, HubAgent } from '../../../../src/protocol/index.ts'

const plain = colors(false)
const now = Date.parse('2026-01-01T01:00:00Z')

const agent = (rest: Partial<AgentStatus>): AgentStatus => ({
  agent_id: 'a-1',
  revision: 1,
  state: 'idle',
  since: '2026-01-01T00:00:00Z',
  runtime: 'claude',
  cwd: '/work',
  run: 1,
  pending: [],
  undelivered_prompts: 0,
  begin: 0,
  acked: 10,
  end: 20,
  ...rest,
})

test('agents are shown as a table', () => {
  const agents = [
    agent({ pid: 42, title: 'Docs\x1b[2J', total_cost_usd: 0.5 }),
    agent({
      agent_id: 'a-22',
      state: 'exited',
      exit: { reason: 'crashed', code: 1 },
      since: '2026-01-01T00:59:30Z',
    }),
  ]
  assert.equal(
    agentTable(agents, now, plain),
    `ID    STATE                FOR   PID  COST     DELIVERED  CWD    TITLE
a-22  exited: crashed (1)  30 s  -    -        10/20      /work
a-1   idle                 1 h   42   $0.5000  10/20      /work  Docs␛[2J`,
  )
  assert.match(agentTable([], now, plain), /agent start/)
})

test('an unfinished start shows why it is delayed', () => {
  const since = '2026-01-01T00:59:00Z'
  const slow = { since, detail: 'Process 7 runs and has not said that it is ready.' }
  assert.equal(delayText(agent({ state: 'starting', slow })), slow.detail)
  const queued = agent({ state: 'starting', queued: { since } })
  assert.equal(delayText(queued), `Queued, since ${since}. Other agents are starting.`)
  assert.equal(delayText(agent({})), undefined)
  const shown = { ...queued, machine_id: 'm', connected: true, offset: 0 } as HubAgent
  assert.match(
    agentText({ agent: shown, machine: undefined, detail: undefined }, now, plain),
    /Why +Queued, since/,
  )
})

const long = '/home/somebody/work/clients/a-very-long-name-of-a-client/services'
const crowd = [
  agent({
    agent_id: 'a-1f2e3d4c',
    pid: 1234567,
    total_cost_usd: 12.5,
    cwd: `${long}/alpha`,
    title: 'Fix the failing tests',
  }),
  agent({
    agent_id: 'a-5b6a7988',
    state: 'waiting',
    since: '2025-12-30T00:00:00Z',
    pending: [{ request_id: 'r', ask: 'tool', tool: 'mcp__browser__navigate', input: {} }],
    cwd: `${long}/beta`,
    end: 123_456_789,
  }),
]

test('no table row wraps at 80 columns, and each path keeps its last folder', () => {
  const lines = agentTable(crowd, now, plain, 80).split('\n')
  for (const line of lines) assert.ok(textWidth(line) <= 80, line)
  assert.match(lines[1] ?? '', /^a-5b6a7988 +waiting: .* \/home.*…\/.*beta/)
  assert.match(lines[2] ?? '', /^a-1f2e3d4c +idle +1 h .*\/home.*…\/.*alpha +Fix the/)
  for (const width of [40, 60, 100])
    for (const line of agentTable(crowd, now, plain, width).split('\n'))
      assert.ok(textWidth(line) <= width, `${width}: ${line}`)
  // Output that is not a terminal gets the full text.
  assert.match(agentTable(crowd, now, plain), /DELIVERED[\s\S]*10\/123456789 +\/home\S+services\/beta\n/)
})

test('agents that wait for an answer come first, except agents of disconnected machines', () => {
  const ids = (agents: Parameters<typeof agentTable>[0]) =>
    agentTable(agents, now, plain)
      .split('\n')
      .slice(1)
      .map((line) => line.split(' ')[0])
  assert.deepEqual(ids(crowd), ['a-5b6a7988', 'a-1f2e3d4c'])
  assert.deepEqual(ids(crowd.map((each) => ({ ...each, connected: false }))), ['a-1f2e3d4c', 'a-5b6a7988'])
})

test('table columns stay aligned around wide characters', () => {
  const named = (agent_id: string, cwd: string) => agent({ agent_id, cwd, title: 'x' })
  const lines = agentTable(
    [named('a', '/仕事/日本語'), named('b', '/é🎉'), named('c', '/plain')],
    now,
    plain,
  ).split('\n')
  assert.equal(new Set(lines.slice(1).map((line) => textWidth(line))).size, 1)
  const cut = agentTable([named('a', `/家/${'長'.repeat(40)}/終`), named('b', '/x')], now, plain, 80).split(
    '\n',
  )
  for (const line of cut) assert.ok(textWidth(line) <= 80, line)
  assert.match(cut[1] ?? '', /…\/終/)
})

test('states and ends are described in words', () => {
  const pending = [{ request_id: 'r', ask: 'tool' as const, tool: 'Bash', input: {} }]
  assert.equal(stateText(agent({ state: 'waiting', pending })), 'waiting: Bash')
  assert.equal(stateText({ ...agent({ state: 'working' }), connected: false }), 'working (machine away)')
  assert.equal(
    stateText(agent({ state: 'failed', failure: { code: 'login', message: 'x' } })),
    'failed: login',
  )
  assert.equal(
    endText(agent({ state: 'failed', failure: { code: 'x', message: 'Not logged in' } })),
    'The agent failed to start: Not logged in',
  )
  assert.equal(
    endText(agent({ state: 'exited', exit: { reason: 'killed', signal: 'SIGKILL' } })),
    'The agent was killed (SIGKILL).',
  )
})

test('the displayed state of an agent names the agent’s failed turn and problems', () => {
  const turn_failed = { outcome: 'error', message: 'API Error: 529' }
  const problems = [{ kind: 'mcp_server', name: 'db\x1b[2J', status: 'failed' }]
  assert.equal(stateText(agent({ turn_failed, problems })), 'idle: turn failed')
  assert.equal(stateText(agent({ turn_failed, limited: {} })), 'idle: usage limit')
  assert.equal(stateText(agent({ turn_failed, limited: { waits: true } })), 'idle: usage limit, waits')
  assert.equal(stateText(agent({ problems })), 'idle: 1 problem')
  assert.equal(
    stateText(agent({ state: 'working', problems: [...problems, ...problems] })),
    'working: 2 problems',
  )
  assert.equal(stateText(agent({ problems: [{ ...problems[0]!, status: 'pending' }] })), 'idle')
  const shown = agentText(
    {
      agent: { ...agent({ turn_failed, problems }), connected: true } as HubAgent,
      machine: undefined,
      detail: undefined,
    },
    now,
    plain,
  )
  assert.match(
    shown,
    /^Why +Its last turn failed \(error\): API Error: 529\nProblems +MCP server db␛\[2J: failed$/m,
  )
})
