import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invokedAs } from '../../../src/cli/program-name.ts'
import { colors } from '../../../src/cli/render/ansi.ts'
import { welcomeText } from '../../../src/cli/up/welcome.ts'
import type { HubMachine } from '../../../src/protocol/index.ts'

const machine = (status: Partial<HubMachine['status']>): HubMachine => ({
  machine_id: 'm-1',
  hostname: 'box',
  os: 'linux',
  arch: 'x64',
  daemon_version: '1.0.0',
  connected: true,
  since: '2026-01-01T00:00:00Z',
  status: {
    revision: 1,
    runtimes: [],
    problems: [],
    memory: { total_bytes: 1, available_bytes: 1 },
    disk: { total_bytes: 1, available_bytes: 1 },
    accepts_agents: true,
    ...status,
  },
})

const say = (found: HubMachine | undefined) =>
  welcomeText(
    {
      hub: { url: 'http://127.0.0.1:3001', own: true },
      logPath: '/state/daemon.log',
      program: 'node dist/index.js',
      machine: found,
      agents: [],
    },
    colors(false),
  )

test('the welcome message of a ready machine shows the services and the next commands', () => {
  const runtimes = [
    { name: 'claude', found: true, path: '/bin/claude', version: '2.1.330', login: 'logged_in' as const },
  ]
  assert.equal(
    say(machine({ runtimes })),
    `Hub       http://127.0.0.1:3001
Console   http://127.0.0.1:3001/
Machine   box connected m-1
Runtime   Claude Code 2.1.330 at /bin/claude, logged in

Next, in another terminal:
  node dist/index.js agent start --cwd . --prompt "What is this project?" --wait
  node dist/index.js open
  node dist/index.js agent list
  node dist/index.js doctor

Type node dist/index.js instead of fomular-daemon
Ctrl-C stops everything, including the agents.`,
  )
})

test('without Claude Code, the welcome message shows once how to install Claude Code', () => {
  const problem = 'Claude Code is not on this machine. Install it.'
  const text = say(
    machine({
      runtimes: [{ name: 'claude', found: false, problem }],
      problems: [{ code: 'runtime_missing', severity: 'error', message: problem, since: '' }],
    }),
  )
  assert.equal(text.split(problem).length, 2)
  assert.match(text, /Then, in another terminal:/)
})

test('the welcome message reports a missing login and a missing connection', () => {
  const runtimes = [
    { name: 'claude', found: true, path: '/bin/claude', version: '2.1.330', login: 'logged_out' as const },
  ]
  const problems = [
    {
      code: 'not_logged_in' as const,
      severity: 'error' as const,
      message: 'Nobody is logged in.',
      remedy: 'Log in.',
      since: '',
    },
  ]
  assert.match(say(machine({ runtimes, problems })), /not logged in\n✗ Nobody is logged in\.\n {2}→ Log in\./)
  assert.match(say(undefined), /is not connected: see \/state\/daemon\.log/)
})

test('the welcome message shows the command with which the user started this program', () => {
  assert.equal(invokedAs(['node', '/usr/local/bin/fomular-daemon'], '/home'), 'fomular-daemon')
  assert.equal(invokedAs(['node', '/clone/dist/index.js'], '/clone'), 'node dist/index.js')
  assert.equal(invokedAs(['node', '/clone/dist/index.js'], '/home'), 'node /clone/dist/index.js')
  const script = '/my clone/dist/index.js'
  assert.equal(invokedAs(['node', script], '/home'), "node '/my clone/dist/index.js'")
  assert.equal(invokedAs(['node', script], '/my clone'), 'node dist/index.js')
})
