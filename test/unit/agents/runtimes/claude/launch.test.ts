import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claude } from '../../../../../src/agents/runtimes/claude/index.ts'
import { AgentSpec } from '../../../../../src/protocol/index.ts'

const id = '11111111-1111-4111-8111-111111111111'
const options = { path: '/opt/claude', dir: '/state/agents/a' }
const spec = (fields: object) => AgentSpec.parse({ cwd: '/home/dev/project', ...fields })

test('a launch from a minimal spec has the required arguments and variables, and no files', () => {
  const { argv, env, files } = claude.launch(spec({}), options)
  assert.equal(argv[0], '/opt/claude')
  assert.ok(argv.includes('-p') && argv.includes('--permission-prompt-tool=stdio'))
  assert.deepEqual(files, {})
  assert.equal(env.CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS, '1')
  assert.equal(env.DISABLE_AUTOUPDATER, '1')
  assert.ok('CLAUDECODE' in env && env.CLAUDECODE === undefined)
  assert.equal(env.CLAUDE_CODE_RESUME_INTERRUPTED_TURN, undefined)
})

test('a launch passes every option of the spec as an argument', () => {
  const { argv } = claude.launch(
    spec({
      model: '--help',
      fallback_model: 'sonnet',
      effort: 'low',
      permission_mode: 'plan',
      allowed_tools: ['Bash(git *)', 'Read'],
      disallowed_tools: ['WebFetch'],
      add_dirs: ['/a b', '/c'],
      limits: { max_turns: 3, max_budget_usd: 1.5 },
      mcp_strict: true,
    }),
    options,
  )
  const asked = [
    // A value that looks like a flag is still passed as a value.
    '--model=--help',
    '--fallback-model=sonnet',
    '--effort=low',
    '--permission-mode=plan',
    '--allowedTools=Bash(git *),Read',
    '--disallowedTools=WebFetch',
    '--add-dir=/a b',
    '--add-dir=/c',
    '--max-turns=3',
    '--max-budget-usd=1.5',
    '--strict-mcp-config',
  ]
  for (const argument of asked) assert.ok(argv.includes(argument), argument)
})

test('system prompts and MCP servers are not in the arguments of a launch, because they may contain keys', () => {
  const servers = { search: { command: 'x', env: { KEY: 'sk-secret' } } }
  const launch = (mode: string) =>
    claude.launch(spec({ system_prompt: { mode, text: 'be sk-secret' }, mcp_servers: servers }), options)
  const { argv, files } = launch('append')
  assert.doesNotMatch(argv.join(' '), /sk-secret/)
  assert.ok(argv.includes('--append-system-prompt-file=/state/agents/a/system-prompt.md'))
  assert.ok(argv.includes('--mcp-config=/state/agents/a/mcp.json'))
  assert.equal(files['system-prompt.md'], 'be sk-secret')
  assert.deepEqual(JSON.parse(files['mcp.json']!), { mcpServers: servers })
  assert.ok(launch('replace').argv.includes('--system-prompt-file=/state/agents/a/system-prompt.md'))
})

test('a launch starts, resumes, or forks a session, and can continue the interrupted turn', () => {
  const launch = (mode: 'new' | 'resume' | 'fork', resumeTurn = false) =>
    claude.launch(spec({}), { ...options, session: { id, mode, resumeTurn } })
  assert.ok(launch('new').argv.includes(`--session-id=${id}`))
  assert.ok(launch('resume').argv.includes(`--resume=${id}`))
  const forked = launch('fork').argv
  assert.ok(forked.includes(`--resume=${id}`) && forked.includes('--fork-session'))
  assert.equal(launch('resume', true).env.CLAUDE_CODE_RESUME_INTERRUPTED_TURN, '1')
})

test('a process uses the session that its flags name, in any notation, unless it forks that session', () => {
  const isIn = (...args: string[]) => claude.isInSession(['claude', ...args], id)
  assert.ok(isIn('-p', `--resume=${id}`))
  assert.ok(isIn('--resume', id))
  assert.ok(isIn('-r', id))
  assert.ok(isIn(`--session-id=${id}`, '--verbose'))
  assert.ok(!isIn(`--resume=${id}`, '--fork-session'))
  assert.ok(!isIn('--resume=22222222-2222-4222-8222-222222222222'))
  assert.ok(!isIn(`/home/dev/.claude/projects/${id}.jsonl`))
  assert.ok(!isIn('--continue', id))
})
