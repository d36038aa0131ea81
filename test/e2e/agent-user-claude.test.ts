// Needs: bwrap
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CommandError, Outcome } from '../../src/protocol/index.ts'
import { claudeProgram } from '../support/claude.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-script.ts'
import { openProgram } from '../support/open-program.ts'
import type { Stage } from '../support/stage.ts'
import { isRoot, systemUser } from '../support/system-user.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

/** A daemon that runs the real Claude Code as another user. */
async function policedStage(t: TestContext, agent_user: string, more: string, folder = tempDir(t)) {
  const claude = openProgram(folder, await claudeProgram())
  const { stage, api } = await claudeStage(t, undefined, { FOMULAR_CLAUDE_PATH: claude })
  const policy = join(stage.dir, 'policy.toml')
  const text = `version = 1
permission_modes = ["*"]
mcp.servers = "any"
system_prompt = "replace"
environment.set = ["**"]
isolation.agent_user = "${agent_user}"
${more}`
  writeFileSync(policy, text, { mode: 0o600 })
  Object.assign(stage.env, { FOMULAR_POLICY: policy })
  await stage.hub()
  await stage.daemon()
  return { stage, api }
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

for (const sandbox of ['none', 'bubblewrap'])
  test(`the real Claude Code works as another user, with the sandbox ${sandbox}`, async (t) => {
    if (!isRoot) return refused(t)
    const user = systemUser(t)
    const open = tempDir(t)
    chmodSync(open, 0o755)
    const cwd = join(open, 'work')
    mkdirSync(cwd)
    chownSync(cwd, user.uid, user.gid)
    // The sandbox shows this folder of the temporary ones.
    const { stage, api } = await policedStage(t, user.name, `isolation.sandbox = "${sandbox}"`, cwd)
    const script = join(cwd, 'mcp.mjs')
    writeFileSync(script, MCP)
    const node = openProgram(cwd, process.execPath)
    const agent = await stage.start({
      cwd,
      permission_mode: 'bypassPermissions',
      env: { GIVEN: 'a b' },
      system_prompt: { mode: 'append', text: 'Mind the gap.' },
      mcp_servers: { small: { command: node, args: [script] } },
    })
    await stage.agentIs(agent, 'idle')
    assert.match(
      await ran(stage, agent, 'id -un; echo $HOME $GIVEN; echo made >made'),
      new RegExp(`${user.name}.n${user.home} a b`),
    )
    assert.equal(statSync(join(cwd, 'made')).uid, user.uid)
    assert.equal(statSync(join(user.home, '.claude')).uid, user.uid)
    const asked = JSON.stringify(api.requests.at(-1))
    assert.ok(asked.includes('Mind the gap') && asked.includes('mcp__small__nothing'))
    assert.match(
      await ran(stage, agent, `ls ${stage.state} || cat ${stage.state}/daemon.sock`),
      /denied|cannot|No such/,
    )

    await stage.command(agent, 'stop')
    await stage.agentIs(agent, 'exited')
    await until(() => stage.agentProcesses(agent).length === 0, { what: 'the end of its processes' })
    await stage.command(agent, 'resume')
    await stage.agentIs(agent, 'idle')
    assert.match(await ran(stage, agent, 'cat made'), /made/)
  })

/** A daemon that may not switch users refuses the start. */
async function refused(t: TestContext) {
  const { stage } = await policedStage(t, 'nobody', '')
  const outcome = await stage.api<Outcome & { error?: CommandError }>('POST', '/api/agents', {
    spec: { cwd: '/tmp' },
  })
  assert.deepEqual([outcome.error?.code, outcome.error?.path], ['policy', 'isolation.agent_user'])
}

/** An MCP server with one tool. */
const MCP = `
import { createInterface } from 'node:readline'
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  const result =
    method === 'initialize'
      ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'small', version: '1' } }
      : { tools: [{ name: 'nothing', description: 'Does nothing.', inputSchema: { type: 'object' } }] }
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
}
`
