import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive, sendSignal } from '../../src/platform/process-identity.ts'
import { findByEnvironment } from '../../src/platform/process-list.ts'
import type { Outcome } from '../../src/protocol/index.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { DEAF_MCP_SERVER } from '../support/deaf-mcp-server.ts'
import { journalEvents, merged } from '../support/journal.ts'
import { mock } from '../support/messages-script.ts'
import { until } from '../support/wait.ts'

test('an agent that is killed from outside is reported as killed, and remembers everything when its session resumes', async (t) => {
  const { stage, api } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: `remember the heron ${mock([{ text: 'noted' }])}` })
  await stage.eventually(agent, 'turn_result')
  const { pid, session_id } = await stage.agentIs(agent, 'idle')
  process.kill(pid!, 'SIGKILL')
  const dead = await stage.agentIs(agent, 'exited')
  assert.deepEqual(dead.exit, { code: 137, signal: 'SIGKILL', reason: 'killed' })

  const resumed = await stage.command(agent, 'resume', { prompt: `again ${mock([{ text: 'yes' }])}` })
  assert.equal(resumed.state, 'succeeded', JSON.stringify(resumed))
  assert.equal(resumed.result?.run, 2)
  await stage.eventually(agent, 'text', ({ text }) => text === 'yes')
  const alive = await stage.agentIs(agent, 'idle')
  assert.equal(alive.session_id, session_id)
  assert.equal(alive.run, 2)
  assert.match(JSON.stringify(api.requests.at(-1)), /remember the heron/)
})

test('files that an agent writes have the same permissions as files that its user writes', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  const { pid } = await stage.agentIs(agent, 'idle')
  const umask = (of: number) => /^Umask:\s+(\d+)$/m.exec(readFileSync(`/proc/${of}/status`, 'utf8'))?.[1]
  assert.equal(umask(pid!), umask(daemon.pid))
  const said = statSync(join(stage.state, 'agents', agent, 'stderr.log'))
  assert.equal(said.mode & 0o777, 0o600)
})

test('the restart policy restarts an agent, and gives up when restarts do not help', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({
    prompt: mock([{ text: 'hello' }]),
    restart: { policy: 'on-loss', max_per_hour: 1 },
  })
  await stage.eventually(agent, 'turn_result')
  const first = await stage.agentIs(agent, 'idle')
  process.kill(first.pid!, 'SIGKILL')
  const second = await stage.agentIs(agent, ({ run, state }) => run === 2 && state === 'idle')
  assert.equal(second.session_id, first.session_id)
  process.kill(second.pid!, 'SIGKILL')
  const held = await stage.agentIs(agent, ({ restart_held_until }) => restart_held_until !== undefined)
  assert.equal(held.state, 'exited')
  await until(async () => (await stage.machine())?.status.problems.some(({ code }) => code === 'crash_loop'))
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  await until(async () => (await stage.machine())?.status.problems.length === 0)
})

test('a stop ends the agent and the processes that it started in separate sessions', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({
    permission_mode: 'bypassPermissions',
    prompt: mock([{ tool: 'Bash', input: { command: 'setsid sleep 300 & sleep 301' } }]),
  })
  await stage.eventually(agent, 'tool_use')
  const tools = await until(
    () => {
      const all = stage.agentProcesses(agent).filter(({ pid }) => cmdline(pid).startsWith('sleep 30'))
      return all.length >= 2 && all
    },
    { what: 'the shell command and its background task' },
  )
  const stopped = await stage.command(agent, 'stop', { grace_s: 2 })
  assert.equal(stopped.state, 'succeeded')
  assert.equal((await stage.agentIs(agent, 'exited')).exit?.reason, 'stopped')
  assert.deepEqual(tools.filter(isAlive), [])
  assert.deepEqual(stage.agentProcesses(agent), [])

  assert.equal((await stage.command(agent, 'prompt', { content: 'hello?' })).error?.code, 'agent_not_running')
  assert.equal((await stage.command(agent, 'remove')).state, 'succeeded')
  await until(async () => (await stage.request('GET', `/api/agents/${agent}`)).status === 404)
})

for (const doing of ['streaming', 'running a long command'] as const)
  test(`on SIGTERM, the daemon ends an agent that is ${doing}, reports its end, and exits with code 0`, async (t) => {
    const { stage } = await claudeStage(t)
    await stage.hub()
    const daemon = await stage.daemon()
    const script = {
      streaming: mock([{ text: 'word ', repeat: 5000, every: 10 }]),
      'running a long command': mock([{ tool: 'Bash', input: { command: 'sleep 302' } }]),
    }
    const agent = await stage.start({ permission_mode: 'bypassPermissions', prompt: script[doing] })
    await stage.eventually(agent, doing === 'streaming' ? 'text_delta' : 'tool_use')
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0, daemon.log())
    const last = await stage.agentIs(agent, ({ connected }) => !connected)
    assert.equal(last.state, 'exited')
    assert.equal(last.exit?.reason, 'stopped')
    assert.deepEqual(stage.agentProcesses(agent), [])
    assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
  })

test('a second signal shortens the grace periods', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const daemon = await stage.daemon({ FOMULAR_STOP_GRACE_S: '120' })
  const agent = await stage.start()
  const { pid } = await stage.agent(agent)
  // The agent will never answer.
  process.kill(pid!, 'SIGSTOP')
  daemon.kill('SIGTERM')
  await until(() => daemon.log().includes('stopping the agents'))
  daemon.kill('SIGINT')
  assert.equal(await daemon.ended, 0, daemon.log())
  assert.deepEqual(stage.agentProcesses(agent), [])
})

test('an agent that cannot be started is refused with the reason', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const start = (spec: object) => stage.api<Outcome>('POST', '/api/agents', { spec })
  assert.equal((await start({ cwd: join(stage.dir, 'nowhere') })).error?.code, 'cwd_missing')
  assert.equal((await start({ cwd: join(stage.state, 'machine.json') })).error?.code, 'cwd_not_a_directory')
  assert.equal((await start({ cwd: stage.cwd, runtime: 'abacus' })).error?.code, 'runtime_unknown')

  const lost = '00000000-0000-4000-8000-000000000000'
  const failed = await start({ cwd: stage.cwd, session: { resume: lost } })
  assert.equal(failed.error?.code, 'start_failed')
  // The message comes from the agent.
  assert.match(failed.error?.message ?? '', new RegExp(lost))
  const status = await stage.agentIs(failed.agent_id!, 'failed')
  assert.match(status.failure?.message ?? '', new RegExp(lost))
})

test('limits end a turn, but not the agent', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const steps = mock(
    [{ tool: 'Bash', input: { command: 'echo 1' } }],
    [{ tool: 'Bash', input: { command: 'echo 2' } }],
    [{ text: 'end' }],
  )
  for (const [limits, outcome] of [
    [{ max_turns: 1 }, 'error_max_turns'],
    [{ max_budget_usd: 0.0001 }, 'error_max_budget_usd'],
  ] as const) {
    const agent = await stage.start({ permission_mode: 'bypassPermissions', prompt: steps, limits })
    const result = await stage.eventually(agent, 'turn_result')
    assert.equal(result.outcome, outcome)
    assert.equal(result.is_error, true)
    await stage.agentIs(agent, 'idle')
  }
})

test('two agents never run in one session', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ text: 'mine' }]) })
  await stage.eventually(agent, 'turn_result')
  const { session_id } = await stage.agentIs(agent, 'idle')
  const spec = (fork: boolean) => ({ spec: { cwd: stage.cwd, session: { resume: session_id, fork } } })
  const refused = await stage.api<Outcome>('POST', '/api/agents', spec(false))
  assert.equal(refused.error?.code, 'session_in_use')
  const forked = await stage.api<Outcome>('POST', '/api/agents', spec(true))
  assert.equal(forked.state, 'succeeded', JSON.stringify(forked))
  const id = await stage.command(forked.agent_id!, 'prompt', { content: mock([{ text: 'my own' }]) })
  assert.equal(id.state, 'succeeded')
  await stage.eventually(forked.agent_id!, 'turn_result')
  assert.notEqual((await stage.agent(forked.agent_id!)).session_id, session_id)
})

test('a missing, broken, or old Claude Code is reported as a problem, and new agents are refused', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  const fake = join(stage.dir, 'claude')
  const problem = async (path: string) => {
    const daemon = await stage.daemon({ FOMULAR_CLAUDE_PATH: path })
    const machine = await until(async () => {
      const found = await stage.machine()
      return found?.status.problems.some(({ code }) => code.startsWith('runtime')) && found
    })
    const outcome = await stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd } })
    assert.equal(outcome.error?.code, 'runtime_missing', JSON.stringify(outcome))
    daemon.kill('SIGTERM')
    await daemon.ended
    return machine.status.problems.find(({ code }) => code.startsWith('runtime'))!
  }
  const missing = await problem(join(stage.dir, 'nothing-here'))
  assert.equal(missing.code, 'runtime_missing')
  writeFileSync(fake, '#!/bin/sh\necho I am not Claude\n')
  chmodSync(fake, 0o755)
  assert.equal((await problem(fake)).code, 'runtime_broken')
  writeFileSync(fake, '#!/bin/sh\necho "1.0.3 (Claude Code)"\n')
  const old = await problem(fake)
  assert.equal(old.code, 'runtime_too_old')
  assert.match(old.message, /1\.0\.3/)
})

test('the prompts, tools, environment, and MCP servers of a spec reach the agent, but not as command-line arguments', async (t) => {
  const { stage, api } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const server = join(stage.dir, 'mcp.mjs')
  writeFileSync(server, DEAF_MCP_SERVER)
  mkdirSync(join(stage.dir, 'more'))
  const agent = await stage.start({
    prompt: mock([{ tool: 'Bash', input: { command: 'printenv GREETING' } }], [{ text: 'done' }]),
    system_prompt: { mode: 'append', text: 'Speak like a heron.' },
    allowed_tools: ['Bash(printenv *)'],
    disallowed_tools: ['WebSearch'],
    add_dirs: [join(stage.dir, 'more')],
    env: { GREETING: 'hello from the spec' },
    mcp_servers: {
      birds: { command: process.execPath, args: [server], env: { TOKEN: 'secret-of-the-birds' } },
    },
    mcp_strict: true,
  })
  const result = await stage.eventually(agent, 'tool_result')
  assert.match(JSON.stringify(result.content), /hello from the spec/)
  await stage.eventually(agent, 'turn_result')
  assert.match(JSON.stringify(api.requests.at(-1)), /Speak like a heron/)
  const session = await stage.eventually(agent, 'session')
  assert.ok(session.tools && !session.tools.includes('WebSearch'))
  assert.match(JSON.stringify(session.mcp_servers), /birds/)
  const { pid } = await stage.agent(agent)
  assert.doesNotMatch(cmdline(pid!), /heron|secret-of-the-birds|hello from/)

  // A process that ignores SIGTERM is ended, too.
  const birds = findByEnvironment('TOKEN', 'secret-of-the-birds')
  assert.ok(birds.length > 0)
  await stage.command(agent, 'stop', { grace_s: 1 })
  await until(() => !birds.some(isAlive), { what: 'the end of the MCP server' })
  for (const bird of birds) sendSignal(bird, 'SIGKILL')
})

const cmdline = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ')
  } catch {
    return ''
  }
}
