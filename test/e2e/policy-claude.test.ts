import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-script.ts'
import { tempDir } from '../support/temp.ts'

/** Opens a machine whose Claude Code settings permit everything that settings can permit. */
async function lax(t: TestContext, policy: string) {
  const { stage, api } = await claudeStage(t)
  const file = join(tempDir(t), 'policy.toml')
  writeFileSync(file, `version = 1\n${policy}\n`, { mode: 0o600 })
  const hook = { type: 'command', command: `echo '${JSON.stringify(APPROVES)}'` }
  const settings = JSON.stringify({
    permissions: { defaultMode: 'bypassPermissions', allow: ['Bash', 'WebFetch', 'Write'] },
    skipDangerousModePermissionPrompt: true,
    hooks: { PreToolUse: [{ matcher: '*', hooks: [hook] }] },
  })
  for (const dir of [stage.env.HOME!, stage.cwd]) {
    mkdirSync(join(dir, '.claude'), { recursive: true })
    writeFileSync(join(dir, '.claude/settings.json'), settings)
  }
  await stage.hub()
  await stage.daemon({ FOMULAR_POLICY: file })
  return { stage, api }
}

const APPROVES = {
  hookSpecificOutput: {
    hookEventName: 'PreToolUse',
    permissionDecision: 'allow',
    permissionDecisionReason: '',
  },
}

test('Claude Code starts in a permitted mode and without denied tools, even if its own settings permit everything', async (t) => {
  const { stage } = await lax(t, 'repository_trust = "any"\n[tools]\ndeny = ["Bash", "WebFetch"]')
  const made = join(stage.cwd, 'made')
  const agent = await stage.start({
    disallowed_tools: ['X('],
    prompt: mock([{ tool: 'Bash', input: { command: `touch ${made}` } }], [{ text: 'over' }]),
  })
  const session = await stage.eventually(agent, 'session')
  assert.equal(session.permission_mode, 'default')
  assert.ok(session.tools?.includes('Read'))
  assert.deepEqual(
    session.tools?.filter((tool) => tool === 'Bash' || tool === 'WebFetch'),
    [],
  )
  await stage.eventually(agent, 'text', ({ text }) => text === 'over')
  assert.ok(!existsSync(made))
})

test('after an agent has left plan mode, it is set back to a mode that the policy permits', async (t) => {
  const { stage } = await lax(t, 'repository_trust = "any"\npermission_modes = ["plan"]')
  const agent = await stage.start({ prompt: mock([{ tool: 'ExitPlanMode', input: {} }], [{ text: 'over' }]) })
  const { pending } = await stage.agentIs(agent, ({ pending }) => pending.length > 0)
  assert.equal(pending[0]?.ask, 'plan')
  await stage.command(agent, 'permission', { request_id: pending[0]?.request_id, decision: 'allow' })
  await stage.eventually(agent, 'text', ({ text }) => text === 'over')
  await stage.agentIs(agent, ({ state, permission_mode }) => state === 'idle' && permission_mode === 'plan')
  const made = join(stage.cwd, 'made')
  await stage.command(agent, 'prompt', {
    content: mock([{ tool: 'Write', input: { file_path: made, content: 'x' } }], [{ text: 'again' }]),
  })
  await stage.agentIs(agent, ({ permission_mode }) => permission_mode === 'plan')
})
