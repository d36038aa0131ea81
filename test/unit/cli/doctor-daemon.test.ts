import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { comparedEnvironment } from '../../../src/agents/runtimes/compared-environment.ts'
import { examine } from '../../../src/cli/doctor/examine.ts'
import { connectDaemon } from '../../../src/cli/local/index.ts'
import { colors } from '../../../src/cli/render/ansi.ts'
import { findingText } from '../../../src/cli/render/finding.ts'
import { statePaths } from '../../../src/config/paths.ts'
import { listenControl } from '../../../src/daemon/control.ts'
import { createLogger } from '../../../src/platform/log.ts'
import type { HealthProblem, Runtime } from '../../../src/protocol/index.ts'
import { helloOf, statusOf } from '../../support/light-daemon.ts'
import { shellWithClaude } from '../../support/shell-with-claude.ts'
import { tempDir } from '../../support/temp.ts'

const SINCE = '2026-01-01T00:00:00.000Z'

const seenRuntime = (dir: string, rest: Partial<Runtime> = {}): Runtime => ({
  name: 'claude',
  found: true,
  path: join(dir, 'claude'),
  version: '2.1.330',
  login: 'logged_in',
  ...rest,
})

interface Seen {
  runtime?: Partial<Runtime>
  problems?: Partial<HealthProblem>[]
  status?: object
  env?: NodeJS.ProcessEnv
}

/** Returns the findings of `doctor` on a machine whose daemon reports the given state. */
async function look(
  t: TestContext,
  { runtime = {}, problems = [], status = {}, env = {} }: Seen,
  loggedIn = true,
) {
  const dir = tempDir(t)
  const own = shellWithClaude(dir, { loggedIn })
  const paths = statePaths(own.FOMULAR_STATE_DIR)
  mkdirSync(paths.dir, { mode: 0o700 })
  const asked: string[] = []
  const { machine } = helloOf()
  const answer = {
    version: '0.1.0',
    pid: process.pid,
    machine_id: 'machine-1',
    started_at: SINCE,
    state_dir: paths.dir,
    server_url: 'wss://os.example.test',
    link: { state: 'live', since: SINCE, attempt: 1 },
    server_hears_ms: 1,
    machine: {
      ...machine,
      runtimes: [seenRuntime(dir, runtime)],
      problems: problems.map((problem) => ({
        code: 'x',
        severity: 'warning',
        message: 'm',
        since: SINCE,
        ...problem,
      })),
    },
    agents: [],
    environment: comparedEnvironment({ ...own, ...env }),
    ...status,
  }
  const route = (name: string, result: object) => async () => {
    asked.push(name)
    return result
  }
  const routes = { 'POST /check': route('check', {}), 'GET /status': route('status', answer) }
  t.after(await listenControl(paths.socket, routes, createLogger({ level: 'silent', stderr: 'none' })))
  const findings = await examine({}, own, await connectDaemon({ env: own }))
  return {
    dir,
    asked,
    findings,
    of: (check: string) => findings.filter((finding) => finding.check === check),
  }
}

test('doctor lists the problems that the daemon sees, with severity and remedy', async (t) => {
  const until = '2026-01-01T05:00:00.000Z'
  const { asked, of } = await look(t, {
    problems: [
      { code: 'usage_limit', message: 'The limit is reached.', remedy: 'Wait.', until },
      { code: 'state_copied', severity: 'error', message: 'Two machines have one identity.' },
      { code: 'was_asleep', severity: 'info', message: 'It slept.' },
      { code: 'of_a_newer_daemon', message: 'Something new.' },
    ],
  })
  // `doctor` must use the current status, not an earlier status.
  assert.equal(asked.at(-1), 'status')
  assert.ok(asked.includes('check'))
  const found = of('machine')
  assert.deepEqual(
    found.map(({ code, level, seen_by }) => [code, level, seen_by]),
    [
      ['usage_limit', 'warning', 'daemon'],
      ['state_copied', 'error', 'daemon'],
      ['was_asleep', 'info', 'daemon'],
      ['of_a_newer_daemon', 'warning', 'daemon'],
    ],
  )
  assert.equal(found[0]?.until, until)
  assert.equal(findingText(found[0]!, colors(false)), '! The daemon sees: The limit is reached.\n  → Wait.')
})

test('doctor reports that the daemon is not logged in, even if this shell is logged in', async (t) => {
  const problem: Partial<HealthProblem> = {
    code: 'not_logged_in',
    severity: 'error',
    message: 'Not logged in.',
  }
  const { of } = await look(t, {
    runtime: { login: 'logged_out' },
    problems: [problem],
    env: { HOME: '/var/lib/daemon' },
  })
  assert.deepEqual(
    of('machine').map(({ code, level }) => [code, level]),
    [['not_logged_in', 'error']],
  )
  // Reported once.
  assert.deepEqual(of('claude'), [])
  const [differs] = of('environment')
  assert.equal(differs?.level, 'warning')
  assert.match(
    differs?.message ?? '',
    /This shell finds something different.*, logged in\. .*HOME is \/var\/lib\/daemon in the daemon/,
  )

  // Here, the daemon does not report the login as a problem yet.
  const early = await look(t, { runtime: { login: 'expired' } })
  assert.deepEqual(
    early.of('claude').map(({ level, seen_by }) => [level, seen_by]),
    [['error', 'daemon']],
  )
})

test('doctor shows no values of secrets, and a shell needs no login if the daemon has one', async (t) => {
  const { of, findings } = await look(t, { env: { ANTHROPIC_API_KEY: 'sk-secret' } }, false)
  assert.deepEqual(
    of('claude').map(({ level, seen_by }) => [level, seen_by]),
    [['ok', 'daemon']],
  )
  assert.match(
    of('environment')[0]?.message ?? '',
    /not logged in\. .*ANTHROPIC_API_KEY is set only in the daemon/,
  )
  assert.ok(!JSON.stringify(findings).includes('sk-secret'))
  assert.ok(findings.every(({ level }) => level !== 'error'))
})

test('doctor reports a daemon whose Claude Code is broken or differs from the Claude Code of this shell', async (t) => {
  const other = await look(t, { runtime: { path: '/opt/claude', version: '2.1.300' } })
  assert.match(other.of('claude')[0]?.message ?? '', /2\.1\.300 at \/opt\/claude/)
  assert.match(
    other.of('environment')[0]?.message ?? '',
    /This shell finds something different.* 2\.1\.330 at /,
  )
  const broken = await look(t, { runtime: { problem: 'It says nothing.' } })
  assert.deepEqual(
    broken.of('claude').map(({ level, message }) => [level, message]),
    [['error', 'It says nothing.']],
  )
})

test('doctor reports a unit that ends agents, failed turns, and MCP servers that do not work', async (t) => {
  const { of } = await look(t, {
    status: {
      agents_end: {
        by: 'x',
        message: 'The unit ends agents.',
        remedy: 'Set KillMode.',
        shelter: 'scope',
        agents: ['a'],
      },
      agents: [
        statusOf('a', { turn_failed: { outcome: 'error' } }),
        statusOf('b', { problems: [{ kind: 'mcp_server', name: 's', status: 'failed' }] }),
        statusOf('c', { state: 'exited', turn_failed: { outcome: 'error' } }),
      ],
    },
  })
  assert.deepEqual(
    of('agents').map(({ message }) => message),
    [
      'The unit ends agents. Agents started earlier do not keep running: a.',
      'The last turn failed for: a',
      'MCP servers, hooks or the program have problems in: b',
    ],
  )
})
