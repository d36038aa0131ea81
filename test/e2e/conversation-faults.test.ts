import assert from 'node:assert/strict'
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Outcome } from '../../src/protocol/index.ts'
import { claudeProgram } from '../support/claude.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-script.ts'
import { prompt, turnOf } from '../support/turns.ts'
import { until } from '../support/wait.ts'

test('failures of hooks, MCP servers, prompts, and turns appear in the status of the agent', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const hook = (command: string, matcher = '') => [{ matcher, hooks: [{ type: 'command', command }] }]
  const hooks = {
    PreToolUse: hook('echo no linter here >&2; exit 1', 'Bash'),
    UserPromptSubmit: hook("if grep -q FORBIDDEN; then echo 'not in this house' >&2; exit 2; fi"),
  }
  mkdirSync(join(stage.cwd, '.claude'))
  writeFileSync(join(stage.cwd, '.claude/settings.json'), JSON.stringify({ hooks }))
  const agent = await stage.start({
    prompt: mock([{ tool: 'Bash', input: { command: 'echo hi' } }], [{ text: 'done' }]),
    allowed_tools: ['Bash'],
    mcp_servers: { gone: { command: '/nonexistent/server' } },
  })
  await stage.eventually(agent, 'turn_result')
  const { problems, turn_failed } = await stage.agentIs(agent, 'idle')
  assert.equal(turn_failed, undefined)
  assert.deepEqual(
    problems?.map(({ kind, name, status }) => [kind, name, status]),
    [
      ['mcp_server', 'gone', 'failed'],
      ['hook', 'PreToolUse:Bash', 'failed'],
    ],
  )
  assert.match(problems?.[1]?.detail ?? '', /exit code 1: no linter here/)

  const refused = stage.run(['agent', 'send', agent, 'FORBIDDEN', '--wait'])
  assert.equal(await refused.ended, 3)
  assert.match(refused.log(), /✗ the prompt was refused: .*not in this house$/m)
  const { outcome, message } = (await stage.agentIs(agent, 'idle')).turn_failed ?? {}
  assert.equal(outcome, 'prompt_rejected')
  // Older versions put the hook's command before its message.
  assert.match(message ?? '', /not in this house$/)

  const third = await prompt(stage, agent, mock([{ error: 400 }]))
  await turnOf(stage, agent, third)
  assert.ok(
    (await stage.agentIs(agent, ({ state, turn_failed }) => state === 'idle' && !!turn_failed)).turn_failed,
  )
})

test('an agent keeps running after its version of Claude Code is deleted', async (t) => {
  const { stage } = await claudeStage(t)
  const versions = join(stage.dir, 'home/.local/share/claude/versions')
  const link = join(stage.dir, 'claude')
  mkdirSync(versions, { recursive: true })
  copyFileSync(await claudeProgram(), join(versions, '2.1.1'), constants.COPYFILE_FICLONE)
  symlinkSync(join(versions, '2.1.1'), link)
  await stage.hub()
  await stage.daemon({ FOMULAR_CLAUDE_PATH: link })
  writeFileSync(join(stage.cwd, 'f.txt'), 'hello')
  const agent = await stage.start({ prompt: mock([{ text: 'one' }]), allowed_tools: ['Grep'] })
  await stage.eventually(agent, 'turn_result')
  renameSync(join(versions, '2.1.1'), join(versions, '2.1.2'))
  rmSync(join(versions, '2.1.2'))
  const id = await prompt(
    stage,
    agent,
    mock([{ tool: 'Grep', input: { pattern: 'hello' } }], [{ text: 'two' }]),
  )
  await turnOf(stage, agent, id)
  const found = await stage.eventually(agent, 'tool_result')
  assert.equal(found.is_error, false, JSON.stringify(found.content))
  assert.match(JSON.stringify(found.content), /f\.txt/)
  await stage.command(agent, 'stop')
  await until(() => !existsSync(join(stage.state, 'agents', agent, 'claude')))
  const again = await stage.command(agent, 'resume')
  assert.equal(again.error?.code, 'runtime_missing')
  assert.match(again.error?.message ?? '', /not a program|not on this machine/)
})

test('after /clear, a resume continues the new session, and another agent can use the old session', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: mock([{ text: 'old talk' }]) })
  await stage.eventually(agent, 'turn_result')
  const left = (await stage.agentIs(agent, 'idle')).session_id!
  const clear = await prompt(stage, agent, '/clear')
  // Older versions do not name the prompts in the result of a command.
  await stage.eventually(
    agent,
    'prompt_state',
    ({ prompt_id, state }) => prompt_id === clear && state === 'completed',
  )
  await turnOf(stage, agent, await prompt(stage, agent, mock([{ text: 'new talk' }])))
  const open = (await stage.agentIs(agent, 'idle')).session_id!
  assert.notEqual(open, left)
  const startOn = (resume: string) =>
    stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd, session: { resume } } })
  assert.equal((await startOn(open)).error?.code, 'session_in_use')
  const other = await startOn(left)
  assert.equal(other.state, 'succeeded', JSON.stringify(other))
  await stage.command(agent, 'stop')
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  assert.equal((await stage.agentIs(agent, 'idle')).session_id, open)
  assert.equal((await startOn(open)).error?.code, 'session_in_use')
})

test('if Claude Code refuses to start, the error has Claude Code’s own words, and a remedy', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const spec = { cwd: stage.cwd, env: { HTTPS_PROXY: 'not a url' } }
  const { error, agent_id } = await stage.api<Outcome>('POST', '/api/agents', { spec })
  assert.equal(error?.code, 'start_failed')
  assert.match(error?.message ?? '', /^Invalid proxy URL in HTTPS_PROXY/)
  assert.match(error?.remedy ?? '', /Set the proxy to a complete URL/)
  assert.equal((await stage.agent(agent_id!)).failure?.remedy, error?.remedy)
})
