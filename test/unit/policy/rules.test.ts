import assert from 'node:assert/strict'
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { refusalsOfCommand } from '../../../src/policy/command-refusals.ts'
import { isInherited } from '../../../src/policy/inherited.ts'
import { permittedSpec } from '../../../src/policy/permitted-spec.ts'
import { parsePolicy } from '../../../src/policy/read.ts'
import { refusedNumber } from '../../../src/policy/rules/number.ts'
import { refusedUpdate } from '../../../src/policy/rules/updates.ts'
import { CAREFUL, OPEN } from '../../../src/policy/schema.ts'
import { refusalsOfSpec } from '../../../src/policy/spec-refusals.ts'
import { AgentSpec, Commands } from '../../../src/protocol/index.ts'
import { tempDir } from '../../support/temp.ts'

const policyOf = (text: string) => parsePolicy(`version = 1\n${text}`, 'policy.toml')
const specOf = (spec: object) => AgentSpec.parse({ cwd: '/srv/work', ...spec })
const refused = (text: string, spec: object, program?: { path: string; version?: string }) =>
  refusalsOfSpec(policyOf(text), specOf(spec), program).map(({ key }) => key)

test('a folder is checked by its real path, no matter how its path is written', (t) => {
  const dir = realpathSync(tempDir(t))
  const [allowed, other] = [join(dir, 'allowed'), join(dir, 'other')]
  for (const made of [join(allowed, 'inner'), join(other, 'deep'), `${allowed}-too`])
    mkdirSync(made, { recursive: true })
  symlinkSync(other, join(allowed, 'out'))
  symlinkSync(join(other, 'deep'), join(allowed, 'deep'))
  symlinkSync(join(other, 'missing'), join(allowed, 'dangling'))
  symlinkSync('dangling', join(allowed, 'dangling2'))
  symlinkSync('loop', join(allowed, 'loop'))
  symlinkSync(allowed, join(dir, 'in'))
  const text = `[folders]\nallow = ["${allowed}/"]\ndeny = ["${allowed}/inner"]`
  for (const path of [allowed, `${allowed}/`, `${allowed}//x/..`, join(dir, 'in'), `${other}/../in`])
    assert.deepEqual(refused(text, { cwd: path }), [], path)
  for (const path of [
    other,
    `${allowed}-too`,
    `${allowed}/../other`,
    `${allowed}/out`,
    // The system follows the link before it goes to the parent folder, so this path is `other`.
    `${allowed}/deep/..`,
    `${allowed}/dangling`,
    `${allowed}/dangling2/below`,
    dir,
    '/',
  ]) {
    assert.deepEqual(refused(text, { cwd: path }), ['folders.allow'], path)
    assert.deepEqual(refused(text, { cwd: allowed, add_dirs: [path] }), ['folders.allow'], path)
  }
  for (const path of [`${allowed}/inner`, `${allowed}/inner/`, join(dir, 'in/inner'), `${allowed}/inner/new`])
    assert.deepEqual(refused(text, { cwd: path }), ['folders.deny'], path)
  assert.deepEqual(refused(`[folders]\nallow = ["${join(dir, 'in')}"]`, { cwd: allowed }), [])
})

test('an agent gets its further folders as real paths, so that a link cannot change them later', (t) => {
  const dir = realpathSync(tempDir(t))
  symlinkSync('/usr', join(dir, 'link'))
  const spec = specOf({ add_dirs: [join(dir, 'link')] })
  const limited = permittedSpec(policyOf('[folders]\ndeny = ["/etc"]'), spec)
  assert.deepEqual(limited.add_dirs, ['/usr'])
  assert.deepEqual(permittedSpec(OPEN, spec), spec)
})

test('only the named modes are permitted, and an agent without a mode gets the first named mode', () => {
  const text = 'permission_modes = ["plan", "default"]'
  assert.deepEqual(refused(text, { permission_mode: 'default' }), [])
  for (const permission_mode of ['bypassPermissions', 'auto', 'Default', 'acceptEdits', '*'])
    assert.deepEqual(refused(text, { permission_mode }), ['permission_modes'])
  assert.equal(permittedSpec(policyOf(text), specOf({})).permission_mode, 'plan')
  assert.equal(permittedSpec(CAREFUL, specOf({})).permission_mode, 'default')
  assert.equal(permittedSpec(policyOf('permission_modes = ["*"]'), specOf({})).permission_mode, undefined)
  assert.deepEqual(refused('permission_modes = []', {}), ['permission_modes'])
  for (const permission_mode of ['bypassPermissions', 'auto'])
    assert.deepEqual(refused('', { permission_mode }), ['permission_modes'])
})

test('an entry in allowed_tools is refused if the runtime could read it as a tool that the policy does not allow', () => {
  const text = '[tools]\nallow = ["Read", "Bash(git status:*)"]'
  for (const rule of ['Read', 'Read(./src/**)', 'Read(a, b)', 'Bash(git status:*)'])
    assert.deepEqual(refused(text, { allowed_tools: [rule] }), [], rule)
  for (const rule of [
    'Bash',
    'read',
    'Bash(git:*)',
    'Read,Bash',
    'Read Bash',
    'Read\nBash',
    'Read(a),Bash',
    'Read(a) Bash',
    'Read(a)Bash(b)',
    'Read(',
    'Read(a',
    'Read()(x)',
    ' Read',
    'Read ',
    '*',
    'mcp__x',
    'Bash(git status:*),Bash',
  ])
    assert.deepEqual(refused(text, { allowed_tools: [rule] }), ['tools.allow'], rule)
  assert.deepEqual(refused('[tools]\nallow = ["*"]', { allowed_tools: ['Bash'] }), [])
})

test('a server cannot permit a tool that the policy denies', () => {
  const policy = policyOf('[tools]\ndeny = ["WebFetch", "Bash(sudo *)"]')
  const { disallowed_tools } = permittedSpec(policy, specOf({ disallowed_tools: ['X(', 'WebFetch'] }))
  assert.deepEqual(disallowed_tools, ['WebFetch', 'Bash(sudo *)', 'X('])
  assert.deepEqual(permittedSpec(policy, specOf({})).disallowed_tools, ['WebFetch', 'Bash(sudo *)'])
})

test('a listed MCP server is permitted only if its definition is exactly the listed one', () => {
  const text = `[[mcp.listed]]\nname = "a"\ncommand = "/bin/a --read-only"
    [[mcp.listed]]\nname = "b"\nurl = "https://b.example/mcp"`
  const one = { command: '/bin/a', args: ['--read-only'] }
  const two = { type: 'http', url: 'https://b.example/mcp' }
  assert.deepEqual(refused(text, { mcp_servers: { a: one, b: two } }), [])
  assert.deepEqual(refused(text, { mcp_servers: { a: { ...one, type: 'stdio' } } }), [])
  for (const mcp_servers of [
    { c: one },
    { b: one },
    { a: two },
    { a: { command: '/bin/a' } },
    { a: { command: '/bin/a --read-only' } },
    { a: { ...one, args: ['--read-only', '--write'] } },
    { a: { ...one, args: '--read-only' } },
    { a: { ...one, env: {} } },
    { a: { ...one, env: { LD_PRELOAD: '/tmp/x' } } },
    { a: { ...one, url: 'https://b.example/mcp' } },
    { b: { ...two, headers: {} } },
    { b: { ...two, headersHelper: '/bin/sh' } },
    { b: { ...two, type: 'ws' } },
    { b: { url: two.url } },
    { a: null },
    { a: [] },
  ])
    assert.deepEqual(refused(text, { mcp_servers }), ['mcp.listed'], JSON.stringify(mcp_servers))
  const inert = '[[mcp.listed]]\nname = "a"'
  assert.deepEqual(refused(inert, { mcp_servers: { a: {} } }), ['mcp.listed'])
  assert.deepEqual(refused('[mcp]\nservers = "none"', { mcp_servers: { a: one } }), ['mcp.servers'])
  assert.deepEqual(refused('[mcp]\nservers = "any"', { mcp_servers: { a: one } }), [])
})

test('a server cannot set variables that determine programs, connections, or accounts', () => {
  const guarded = [
    ...['PATH', 'Path', 'path', 'LD_PRELOAD', 'ld_library_path', 'NODE_OPTIONS', 'BASH_ENV', 'ENV', 'HOME'],
    ...['https_proxy', 'ALL_PROXY', 'ANTHROPIC_BASE_URL', 'OPENAI_BASE_URL', 'GITHUB_TOKEN', 'AWS_PROFILE'],
    ...[
      'PYTHONPATH',
      'GIT_SSH_COMMAND',
      'PHPRC',
      'OPENSSL_CONF',
      'GRADLE_OPTS',
      'MAVEN_HOME',
      'npm_config_x',
    ],
    ...['VIMINIT', 'RSYNC_RSH', 'SVN_SSH', 'PYTEST_ADDOPTS', 'MAKEFILES', 'TF_CLI_ARGS', 'SSLKEYLOGFILE'],
    ...['PSQLRC', 'NETRC', 'VAULT_ADDR', 'CMAKE_C_COMPILER_LAUNCHER', 'ANSIBLE_CONFIG', 'API_URL'],
    ...['CLAUDE_CONFIG_DIR', 'IS_SANDBOX', 'FOMULAR_AGENT', 'RUSTC_WRAPPER', 'HOSTALIASES', 'KRB5_CONFIG'],
  ]
  for (const name of guarded)
    assert.deepEqual(refused('', { env: { [name]: 'x' } }), ['environment.set'], name)
  assert.deepEqual(refused('', { env: { TICKET: '1', BUILD_NUMBER: '2' } }), [])
  const listed = '[environment]\nset = ["PATH", "MY_*"]'
  assert.deepEqual(refused(listed, { env: { PATH: 'x', MY_TOKEN: 'x' } }), [])
  for (const name of ['Path', 'my_token', 'OTHER', 'XMY_'])
    assert.deepEqual(refused(listed, { env: { [name]: 'x' } }), ['environment.set'], name)
  assert.deepEqual(refused('[environment]\nset = ["**"]', { env: { LD_PRELOAD: 'x' } }), [])
  assert.deepEqual(refused('[environment]\nset = []', { env: { TICKET: '1' } }), ['environment.set'])
})

test('agents inherit the variables that programs need, the variables that the policy names, and no others', () => {
  const inherited = (text: string, names: string[]) =>
    names.filter((name) => isInherited(policyOf(text), name))
  const all = ['PATH', 'HOME', 'LC_ALL', 'SECRET', 'MY_ONE', 'ONE_MY']
  assert.deepEqual(inherited('', all), all)
  assert.deepEqual(inherited('[environment]\ninherit = []', all), ['PATH', 'HOME', 'LC_ALL'])
  assert.deepEqual(inherited('[environment]\ninherit = ["MY_*"]', all), ['PATH', 'HOME', 'LC_ALL', 'MY_ONE'])
})

test('the system prompt can be changed only as far as the policy permits', () => {
  const ask = (mode: string) => ({ system_prompt: { mode, text: 'x' } })
  for (const [most, append, replace] of [
    ['none', 1, 1],
    ['append', 0, 1],
    ['replace', 0, 0],
  ] as const) {
    assert.equal(refused(`system_prompt = "${most}"`, ask('append')).length, append)
    assert.equal(refused(`system_prompt = "${most}"`, ask('replace')).length, replace)
  }
})

test('a runtime is permitted by its name, its program, and its version', (t) => {
  const dir = realpathSync(tempDir(t))
  symlinkSync('/bin/true', join(dir, 'claude'))
  const program = { path: join(dir, 'claude'), version: '2.1.5' }
  assert.deepEqual(refused('[runtimes.claude]', {}, program), [])
  assert.deepEqual(refused('[runtimes.other]', {}, program), ['runtimes'])
  assert.deepEqual(refused('[runtimes.claude]\npath = "/bin/true"', {}, program), [])
  assert.deepEqual(refused('[runtimes.claude]\npath = "/bin/sh"', {}, program), ['runtimes.claude.path'])
  assert.deepEqual(refused('[runtimes.claude]\nversions = ">=2.1"', {}, program), [])
  const versions = '[runtimes.claude]\nversions = ">=2.2"'
  assert.deepEqual(refused(versions, {}, program), ['runtimes.claude.versions'])
  assert.deepEqual(refused(versions, {}, { path: program.path }), ['runtimes.claude.versions'])
})

test('if an answer to a permission request adds rules, the policy checks these rules like the rules of a specification', () => {
  const policy = policyOf('[tools]\nallow = ["Read"]\n[folders]\nallow = ["/srv"]')
  const keys = (...remember: object[]) => {
    const ids = { command_id: 'c', agent_id: 'a', request_id: 'r', type: 'agent:permission' }
    const command = Commands['agent:permission'].parse({ ...ids, decision: 'allow', remember })
    return refusalsOfCommand(policy, command).map(({ key }) => key)
  }
  const rules = (toolName: string, behavior = 'allow') => ({
    type: 'addRules',
    rules: [{ toolName }],
    behavior,
  })
  assert.deepEqual(keys(rules('Read'), rules('Bash', 'deny')), [])
  assert.deepEqual(keys(rules('Bash')), ['tools.allow'])
  assert.deepEqual(keys({ type: 'addRules', rules: [{ toolName: 'Read', ruleContent: 'x),Bash(' }] }), [
    'tools.allow',
  ])
  assert.deepEqual(keys({ ...rules('Bash'), type: 'replaceRules' }), ['tools.allow'])
  assert.deepEqual(keys({ ...rules('Bash', 'deny'), type: 'removeRules' }), ['tools.allow'])
  assert.deepEqual(keys({ type: 'setMode', mode: 'bypassPermissions' }), ['permission_modes'])
  assert.deepEqual(keys({ type: 'addDirectories', directories: ['/srv/a', '/etc'] }), ['folders.allow'])
  assert.deepEqual(keys({ type: 'addDirectories', directories: '/etc' }), ['tools.allow'])
  assert.deepEqual(keys({}), ['tools.allow'])
})

test('commands are refused by name, and updates by version and time', () => {
  const command = (type: 'machine:check' | 'agent:stop') =>
    refusalsOfCommand(
      policyOf('[commands]\ndeny = ["agent:stop"]'),
      Commands[type].parse({ type, command_id: 'c', agent_id: 'a' }),
    ).length
  assert.deepEqual([command('machine:check'), command('agent:stop')], [0, 1])
  const update = (text: string, version: string, hour = 12) =>
    refusedUpdate(policyOf(`[update]\n${text}`), version, new Date(2026, 4, 4, hour, 0)).map(({ key }) => key)
  assert.deepEqual(update('', '1.0.0'), [])
  assert.deepEqual(update('allow = false', '1.0.0'), ['update.allow'])
  assert.deepEqual(update('versions = "^1.0.0"', '1.2.0'), [])
  assert.deepEqual(update('versions = "^1.0.0"', '2.0.0'), ['update.versions'])
  assert.deepEqual(update('window = "11:00-13:00"', '1.0.0'), [])
  assert.deepEqual(update('window = "22:00-05:00"', '1.0.0'), ['update.window'])
  assert.deepEqual(update('window = "22:00-05:00"', '1.0.0', 23), [])
  assert.deepEqual(update('window = "22:00-05:00"', '1.0.0', 4), [])
  assert.deepEqual(update('window = "22:00-05:00"', '1.0.0', 5), ['update.window'])
})

test('an update outside of its window is refused with the time at which the window opens', () => {
  const opens = (window: string, now: Date) =>
    refusedUpdate(policyOf(`[update]\nwindow = "${window}"`), '1.0.0', now)[0]?.until
  const at = (day: number, hour: number, minute = 0) => new Date(2026, 4, day, hour, minute)
  assert.equal(opens('22:15-05:00', at(4, 12)), at(4, 22, 15).toISOString())
  assert.equal(opens('01:00-03:00', at(4, 3)), at(5, 1).toISOString())
  assert.equal(opens('01:00-03:00', at(4, 2)), undefined)
})

test('only as many agents run as the policy permits', () => {
  assert.deepEqual(refusedNumber(CAREFUL, 1_000_000), [])
  assert.deepEqual(refusedNumber(policyOf('[limits]\nagents = 2'), 1), [])
  assert.equal(refusedNumber(policyOf('[limits]\nagents = 2'), 2).length, 1)
})

test('an open machine permits everything, and a careful machine permits ordinary agents', () => {
  const wild = {
    cwd: '/etc',
    permission_mode: 'bypassPermissions',
    allowed_tools: ['Bash'],
    mcp_servers: { sh: { command: '/bin/sh' } },
    env: { LD_PRELOAD: 'x', PATH: 'y' },
    system_prompt: { mode: 'replace', text: 'x' },
    add_dirs: ['/'],
  }
  assert.deepEqual(refusalsOfSpec(OPEN, specOf(wild)), [])
  assert.deepEqual(permittedSpec(OPEN, specOf(wild)), specOf(wild))
  assert.deepEqual(
    refusalsOfSpec(CAREFUL, specOf(wild)).map(({ key }) => key),
    ['permission_modes', 'tools.allow', 'mcp.listed', 'environment.set', 'environment.set', 'system_prompt'],
  )
  const plain = { prompt: 'hello', permission_mode: 'acceptEdits', model: 'sonnet', env: { CI: '1' } }
  assert.deepEqual(refusalsOfSpec(CAREFUL, specOf(plain)), [])
})
