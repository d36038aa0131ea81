import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentText } from '../../../src/cli/render/agent.ts'
import { agentTable, delayText, endText, stateText } from '../../../src/cli/render/agents.ts'
import { colors, wantsColor } from '../../../src/cli/render/ansi.ts'
import { cleanLine } from '../../../src/cli/render/clean.ts'
import { machineTable, runtimeText } from '../../../src/cli/render/machine.ts'
import { policyLine, refusedText } from '../../../src/cli/render/policy.ts'
import { isHealthy, statusText } from '../../../src/cli/render/status.ts'
import { bytes, duration, span } from '../../../src/cli/render/units.ts'
import { cutPath, textWidth } from '../../../src/cli/render/width.ts'
import { report } from '../../../src/cli/report.ts'
import { forTerminal } from '../../../src/cli/terminal.ts'
import { UserError } from '../../../src/platform/errors.ts'
import { CAREFUL, OPEN } from '../../../src/policy/schema.ts'
import { summaryOf } from '../../../src/policy/summary.ts'
import type { AgentStatus, HubAgent, HubMachine } from '../../../src/protocol/index.ts'

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

test('the width of text is measured in terminal columns', () => {
  assert.deepEqual(
    ['abc', '日本', 'e\u0301', '🎉', '👩\u200d💻', '❤\ufe0f', ''].map(textWidth),
    [3, 4, 1, 2, 2, 2, 0],
  )
  // Tests letters of several characters, which terminals show side by side, and symbols that are wide since
  // Unicode 16.
  assert.deepEqual(
    ['\u1100'.repeat(50), '\u0915\u094d'.repeat(50), '\u4dc0\u2630', '\u{18b00}'].map(textWidth),
    [100, 50, 4, 2],
  )
  assert.equal(cleanLine('日本語です', 6), '日本…')
  assert.equal(cleanLine('🎉🎉🎉', 4), '🎉…')
})

test('a path is cut in its middle', () => {
  assert.equal(cutPath('/a/b', 10), '/a/b')
  assert.equal(cutPath('/home/me/projects/one/src', 20), '/home/me/pr…/one/src')
  assert.equal(cutPath('/home/me/projects/two/src', 20), '/home/me/pr…/two/src')
  assert.equal(cutPath(`/x/${'a'.repeat(30)}-end`, 12), '/aaaaa…a-end')
})

test('the table of machines fits into 80 columns', () => {
  const machine = {
    machine_id: '6f1d2c9e-8a0b-4f1e-9c3d-2b1a0f9e8d7c',
    name: 'a-machine-with-a-long-name',
    hostname: 'build-7.internal.example.com',
    os: 'linux',
    arch: 'x64',
    daemon_version: '0.1.0',
    connected: true,
    since: '2026-01-01T00:00:00Z',
    status: { runtimes: [{ name: 'claude', found: true, version: '2.1.332' }], problems: [] },
  } as unknown as HubMachine
  for (const line of machineTable([machine], now, plain, 80).split('\n'))
    assert.ok(textWidth(line) <= 80, line)
  assert.match(machineTable([machine], now, plain), /build-7.internal.*linux x64 +0.1.0 +claude 2.1.332$/)
  const policy = { state: 'file', permission_modes: ['plan\x1b[2J'], mcp_servers: 'x'.repeat(500) }
  const limited = { ...machine, status: { ...machine.status, policy } }
  assert.match(machineTable([limited], now, plain), /\n {2}· Policy: from a file; modes plan␛\[2J; /)
  for (const line of machineTable([limited], now, plain, 80).split('\n'))
    assert.ok(textWidth(line) <= 80, line)
})

test('the policy of a machine is shown on one line, even if only newer versions know this kind of policy', () => {
  const { open, careful } = {
    open: summaryOf({ from: 'default', kind: 'open', policy: OPEN }),
    careful: summaryOf({ from: 'default', kind: 'careful', policy: CAREFUL }),
  }
  assert.equal(policyLine(open), "none: a server may do anything that the daemon's user can")
  assert.equal(
    policyLine(careful),
    'careful default; modes default, plan, acceptEdits, dontAsk; folders /; MCP servers listed (none)',
  )
  assert.equal(policyLine({ state: 'unreadable' }), 'unreadable: nothing is started')
  assert.equal(
    refusedText({ 'folders.deny': 3, permission_modes: 1 }),
    '; refused: folders.deny 3, permission_modes 1',
  )
  assert.equal(refusedText(), '')
  assert.equal(policyLine({ state: 'constructor\x1b' }), 'constructor␛')
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

test('the status of the daemon shows its link, machine, runtimes and problems', () => {
  const status = {
    version: '1.2.3',
    pid: 7,
    machine_id: 'm-1',
    started_at: '2026-01-01T00:00:00Z',
    state_dir: '/state',
    server_url: 'ws://localhost:3001',
    link: { state: 'live', since: '2026-01-01T00:30:00Z', attempt: 1 },
    server_hears_ms: 3.4,
    machine: {
      revision: 1,
      runtimes: [
        { name: 'claude', found: true, path: '/bin/claude', version: '2.1.330', login: 'logged_in' as const },
      ],
      problems: [
        {
          code: 'disk_low' as const,
          severity: 'warning' as const,
          message: 'Little room.',
          remedy: 'Make room.',
          since: '',
        },
      ],
      memory: { total_bytes: 2 ** 30, available_bytes: 2 ** 29 },
      disk: { total_bytes: 2 ** 40, available_bytes: 2 ** 30 },
      accepts_agents: true,
    },
    agents: [],
  }
  assert.equal(
    statusText(status, now, plain),
    `Daemon    1.2.3, process 7, running for 1 h
Machine   m-1
Server    ws://localhost:3001 connected for 30 min, answers in 3 ms
State     /state
Disk      1.0 GiB free; memory 512.0 MiB free
Runtime   Claude Code 2.1.330 at /bin/claude, logged in
! Little room.
  → Make room.

No agents. Start one: fomular-daemon agent start --prompt "…"`,
  )
  assert.ok(isHealthy(status))
  const deaf = { ...status, server_hears_ms: null }
  assert.ok(!isHealthy(deaf))
  assert.match(statusText(deaf, now, plain), /connected, but the server does not answer/)
  const away = {
    ...status,
    link: { state: 'dialing', since: '2026-01-01T00:59:00Z', attempt: 3, last_error: 'ECONNREFUSED' },
  }
  assert.ok(!isHealthy(away))
  assert.match(statusText(away, now, plain), /not connected for 1 min, try 3: ECONNREFUSED/)
})

test('a missing runtime is shown with a remedy', () => {
  assert.equal(runtimeText({ name: 'claude', found: false, problem: 'Install it.' }), 'Install it.')
})

test('times and sizes are shown in suitable units', () => {
  assert.deepEqual([0, 59_400, 60_000, 7_200_000, 200_000_000].map(span), [
    '0 s',
    '59 s',
    '1 min',
    '2 h',
    '2 d',
  ])
  assert.deepEqual([40, 59_940, 61_000].map(duration), ['0.0 s', '59.9 s', '1 min 1 s'])
  assert.deepEqual([0, 1023, 1536, 3 * 2 ** 30].map(bytes), ['0 B', '1023 B', '1.5 KiB', '3.0 GiB'])
})

test('output has colors only on a terminal, or when requested', () => {
  assert.equal(wantsColor({}, true), true)
  assert.equal(wantsColor({}, false), false)
  assert.equal(wantsColor({ TERM: 'dumb' }, true), false)
  assert.equal(wantsColor({ NO_COLOR: '1' }, true), false)
  assert.equal(wantsColor({ FORCE_COLOR: '1', NO_COLOR: '1' }, false), true)
  assert.equal(wantsColor({ FORCE_COLOR: '0' }, true), false)
})

test('errors are printed as text for people and as JSON for programs', () => {
  const error = new UserError('some_code', 'It went\x1b[2J wrong.', { remedy: 'Do this.', exitCode: 4 })
  const text = report(error, { json: false })
  assert.equal(text.exitCode, 4)
  assert.match(forTerminal(text.stderr), /error:.* It went␛\[2J wrong\.\n.*→ Do this\./)
  assert.deepEqual(report(error, { json: true }), {
    stdout: `${JSON.stringify({ error: { code: 'some_code', message: 'It went\x1b[2J wrong.', remedy: 'Do this.' } })}\n`,
    stderr: '',
    exitCode: 4,
  })
  assert.match(
    report(new TypeError('bug'), { json: false }).stderr,
    /internal error:.*TypeError: bug[\s\S]*at /,
  )
  assert.equal(JSON.parse(report('odd', { json: true }).stdout).error.code, 'internal')
  const short = report(Object.assign(new Error('EMFILE: open x'), { code: 'EMFILE' }), { json: false })
  assert.match(short.stderr, /error:.* The command failed: .*\(EMFILE\)\.\n.*→ Raise its limit on open files/)
  assert.equal(short.exitCode, 1)
})
