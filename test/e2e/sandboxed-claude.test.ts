// Needs: bwrap
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findByEnvironment } from '../../src/platform/process-list.ts'
import type { WorkspaceChanges } from '../../src/protocol/index.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { gitRepository } from '../support/git-repository.ts'
import { mock } from '../support/messages-script.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const SECRET = 'a-secret-of-the-operator'

async function policedStage(t: TestContext) {
  const { stage } = await claudeStage(t)
  const policy = join(stage.dir, 'policy.toml')
  writeFileSync(
    policy,
    `version = 1
permission_modes = ["*"]
isolation.sandbox = "bubblewrap"
environment.inherit = ["ANTHROPIC_*", "CLAUDE_*", "IS_SANDBOX", "OPERATORS", "TEST_*"]
redact.variables = ["OPERATORS"]
redact.patterns = ['key-\\d+']
`,
    { mode: 0o600 },
  )
  Object.assign(stage.env, { FOMULAR_POLICY: policy, OPERATORS: SECRET })
  await stage.hub()
  await stage.daemon()
  return stage
}

/** Makes an agent run a command. @returns the tool's result that the server received */
async function ran(stage: Stage, agent: string, command: string): Promise<string> {
  const before = (await stage.events(agent)).filter(({ kind }) => kind === 'tool_result').length
  const content = mock([{ tool: 'Bash', input: { command, description: 'test' } }])
  await stage.command(agent, 'prompt', { content })
  const result = await until(
    async () => (await stage.events(agent)).filter(({ kind }) => kind === 'tool_result')[before],
    { what: `the result of ${command}` },
  )
  await stage.agentIs(agent, 'idle')
  return JSON.stringify('content' in result && result.content)
}

test('the real Claude Code works in a sandbox, and cannot reach the daemon or other agents', async (t) => {
  const stage = await policedStage(t)
  const agent = await stage.start({ permission_mode: 'bypassPermissions' })
  const other = await stage.start()
  await stage.agentIs(agent, 'idle')
  assert.match(await ran(stage, agent, 'echo made >made; pwd'), new RegExp(stage.cwd))
  assert.equal(readFileSync(join(stage.cwd, 'made'), 'utf8'), 'made\n')
  const seen = await ran(stage, agent, `ls ${stage.state} ${stage.state}/agents; echo x >/etc/made-by-claude`)
  assert.ok(seen.includes(agent) && !seen.includes(other) && !seen.includes('daemon.sock'), seen)
  assert.ok(!existsSync('/etc/made-by-claude'))

  await stage.restart()
  const { pid } = await stage.agentIs(agent, 'idle')
  assert.match(await ran(stage, agent, '(setsid sleep 300 &) ; cat made'), /made/)
  await stage.command(agent, 'stop')
  await stage.agentIs(agent, 'exited')
  assert.ok(!existsSync(`/proc/${pid}`))
  assert.deepEqual(findByEnvironment('FOMULAR_AGENT', join(stage.state, 'agents', agent)), [])

  await stage.command(agent, 'resume')
  await stage.agentIs(agent, 'idle')
  assert.match(await ran(stage, agent, 'cat made'), /made/)
})

test('secrets stay in the journal on the machine, and are not sent to the server', async (t) => {
  const stage = await policedStage(t)
  const agent = await stage.start({ permission_mode: 'bypassPermissions' })
  const result = await ran(stage, agent, 'echo $OPERATORS key-1234 other')
  assert.match(result, /\[redacted\] \[redacted\] other/)
  const prompt = mock([{ text: `It is ${SECRET}, ` }, { text: 'and key-99 ', repeat: 3 }])
  await stage.command(agent, 'prompt', { content: prompt })
  await until(
    async () =>
      (await stage.events(agent)).some((event) => event.kind === 'text' && event.text.includes('and')),
    {
      what: 'the text',
    },
  )
  await stage.agentIs(agent, 'idle')
  const events = await stage.events(agent)
  assert.ok(!JSON.stringify(events).match(/a-secret-of|key-\d/), 'a secret has left the machine')
  assert.ok(events.some((event) => event.kind === 'text' && event.text === 'It is [redacted], '))
  const journal = readFileSync(join(stage.state, 'agents', agent, 'activity.jsonl'), 'utf8')
  assert.match(journal, new RegExp(SECRET))
  assert.ok(!JSON.stringify(await stage.agent(agent)).includes(SECRET))
})

test('an agent in a sandbox can commit in its working tree', async (t) => {
  const stage = await policedStage(t)
  const { dir, git } = gitRepository(join(stage.dir, 'app'), { 'a.txt': '1\n' })
  const agent = await stage.start({ cwd: dir, worktree: {}, permission_mode: 'bypassPermissions' })
  const identity = '-c user.name=a -c user.email=a@example.com'
  await ran(stage, agent, `echo 2 > a.txt; git ${identity} commit --quiet --all --message Work`)
  assert.equal(git('show', `agent/${agent}:a.txt`), '2')
  const { files } = await stage.api<WorkspaceChanges>('GET', `/api/agents/${agent}/changes?since=start`)
  assert.deepEqual(
    files.map(({ path, added, removed }) => [path, added, removed]),
    [['a.txt', 1, 1]],
  )
})

test('an agent in a sandbox can commit in a working tree that was made from another working tree', async (t) => {
  const stage = await policedStage(t)
  const { git } = gitRepository(join(stage.dir, 'app'), { 'a.txt': '1\n' })
  const linked = join(stage.dir, 'linked')
  git('worktree', 'add', '--quiet', '-b', 'linked', linked)
  const agent = await stage.start({ cwd: linked, worktree: {}, permission_mode: 'bypassPermissions' })
  const identity = '-c user.name=a -c user.email=a@example.com'
  await ran(stage, agent, `echo 2 > a.txt; git ${identity} commit --quiet --all --message Work`)
  assert.equal(git('show', `agent/${agent}:a.txt`), '2')
})
