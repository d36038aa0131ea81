// Needs: tmux
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { CAREFUL } from '../../src/policy/schema.ts'
import { summaryOf } from '../../src/policy/summary.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TestHub } from '../support/hub.ts'
import { helloOf } from '../support/light-daemon.ts'
import { RUN, Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'

// Every stage has its own policy file, because root's default file is the policy of the machine that runs the
// tests.

/** Runs a command without a terminal. */
async function cli(stage: Stage, args: string[], input = '') {
  const [program, ...first] = RUN
  const child = spawn(program, [...first, ...args], { cwd: stage.cwd, env: stage.env })
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

async function policyStage(t: Parameters<typeof fakeStage>[0]) {
  const file = join(tempDir(t), 'policy.toml')
  return { file, stage: await fakeStage(t, { FOMULAR_POLICY: file }) }
}

test('`policy check` reports an error if agents cannot run as the user that the policy names', async (t) => {
  const { stage, file } = await policyStage(t)
  const problems = async (name: string) => {
    writeFileSync(file, `version = 1\nisolation.agent_user = "${name}"\n`, { mode: 0o600 })
    const { code, stdout } = await cli(stage, ['policy', 'check', '--json'])
    return [code, ...JSON.parse(stdout).problems.map(({ key }: { key: string }) => key)]
  }
  assert.deepEqual(await problems('nobody'), [0])
  for (const name of ['no-such-user', 'root'])
    assert.deepEqual(await problems(name), [2, 'isolation.agent_user'])
})

test('`policy check` says which type a value must have', async (t) => {
  const { stage, file } = await policyStage(t)
  writeFileSync(file, 'version = 1\n[idle]\nkeep = "many"\n', { mode: 0o600 })
  const { code, stdout, stderr } = await cli(stage, ['policy', 'check', file])
  assert.equal(code, 2)
  assert.match(stdout + stderr, /invalid at idle\.keep: Invalid input: expected number, received string/)
})

test('`policy init` writes the policy that its flags describe, and `policy check` and `policy explain` read this policy', async (t) => {
  const { stage, file } = await policyStage(t)
  const unknown = await cli(stage, ['policy', 'init'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /--yes/)

  const init = [
    'policy',
    'init',
    '--folder',
    '.',
    '--deny-folder',
    './secret',
    '--mode',
    'plan',
    '--mcp',
    'none',
  ]
  const made = await cli(stage, [...init, '--json'])
  assert.deepEqual([made.code, JSON.parse(made.stdout)], [0, { file, warnings: [] }], made.stderr)
  assert.equal(statSync(file).mode & 0o777, process.getuid?.() === 0 ? 0o644 : 0o600)
  const written = readFileSync(file, 'utf8')
  assert.match(written, /^permission_modes = \[ "plan" \]$/m)

  const again = await cli(stage, [...init])
  assert.equal(again.code, 4)
  assert.match(again.stderr, /already exists\.\n.*--force/)
  assert.equal((await cli(stage, ['policy', 'init', '--mode', 'a'.repeat(300), '--force'])).code, 2)
  assert.equal(readFileSync(file, 'utf8'), written)

  const checked = await cli(stage, ['policy', 'check', '--json'])
  assert.equal(checked.code, 0, checked.stderr)
  const { ok, policy, problems } = JSON.parse(checked.stdout)
  assert.deepEqual([ok, problems, policy.state], [true, [], 'file'])
  assert.deepEqual(policy.folders, { allow: [stage.cwd], deny: [join(stage.cwd, 'secret')] })

  const spec = {
    cwd: join(stage.cwd, 'secret/x'),
    permission_mode: 'default',
    mcp_servers: { a: { command: 'sh' } },
  }
  const refused = await cli(stage, ['policy', 'explain', '-', '--json'], JSON.stringify(spec))
  assert.equal(refused.code, 1, refused.stderr)
  const { permitted, refusals } = JSON.parse(refused.stdout)
  assert.equal(permitted, false)
  assert.deepEqual(
    refusals.map(({ key }: { key: string }) => key),
    ['folders.deny', 'permission_modes', 'mcp.servers'],
  )
  const configure = JSON.stringify({ type: 'agent:configure', permission_mode: 'plan' })
  const permits = await cli(stage, ['policy', 'explain', '-'], configure)
  assert.deepEqual([permits.code, permits.stdout], [0, '✓ agent:configure is permitted.\n'])
  assert.equal((await cli(stage, ['policy', 'explain', '-'], '{"cwd":')).code, 2)
  const forged = { cwd: stage.cwd, permission_mode: 'x\n✓ agent:start is permitted.\x1b[2J' }
  const told = await cli(stage, ['policy', 'explain', '-'], JSON.stringify(forged))
  assert.match(told.stdout, /^✗ permission_modes: .* x ✓ agent:start is permitted\.␛\[2J.*\n$/)

  writeFileSync(file, `${written}\n[tols]\ndeny = []\n`)
  const broken = await cli(stage, ['policy', 'check'])
  assert.equal(broken.code, 2)
  assert.match(broken.stdout, /^✗ The policy \S+policy\.toml:\d+ has an unknown key "tols"\.\n {2}→ /)
  assert.match(broken.stderr, /No daemon is running/)
  assert.equal((await cli(stage, ['policy', 'explain', '-'], configure)).code, 2)
})

test('on a terminal, `policy init` asks questions, and repeats a question after an invalid answer', async (t) => {
  const { stage, file } = await policyStage(t)
  const terminal = await Terminal.open(t, stage)
  await terminal.begin('fd policy init')
  await terminal.shows(/Folders [^\n]*\n\[\/\]> $/)
  await terminal.type('/srv, ~/projects')
  await terminal.shows(/Permission modes [^\n]*\n\[default, .*\]> $/)
  await terminal.type('plann')
  await terminal.shows(/MCP servers[^\n]*\n\[listed\]> $/)
  await terminal.type('some')
  await terminal.shows(/! .*"none"\|"listed"\|"any"[\s\S]*\[listed\]> $/)
  await terminal.type('any')
  await terminal.shows(/Environment variables[^\n]*\n\[\*\]> $/)
  await terminal.type('none')
  await terminal.shows(/Write the policy [^\n]*policy\.toml\? y\/N> $/)
  await terminal.type('y')
  const { code, text: shown } = await terminal.over()
  assert.equal(code, 0)
  assert.match(shown, /The policy is in/)
  assert.match(shown, /! The permission mode plann is unknown/)
  const written = readFileSync(file, 'utf8')
  for (const line of ['allow = [ "/srv", "~/projects" ]', 'servers = "any"', 'set = []'])
    assert.ok(written.includes(`\n${line}\n`), `${line}\n${written}`)

  await terminal.begin('fd policy init --force')
  for (const question of [/\[\/\]> $/, /dontAsk\]> $/, /\[listed\]> $/, /\[\*\]> $/, /y\/N> $/]) {
    await terminal.shows(question)
    await terminal.press('C-d')
  }
  const ended = await terminal.over()
  assert.equal(ended.code, 4)
  assert.match(ended.text, /No policy was written\./)
  assert.equal(readFileSync(file, 'utf8'), written)
})

test('changes of the daemon’s policy take effect in `status`, `machine list`, and `agent start`', async (t) => {
  const { stage, file } = await policyStage(t)
  assert.equal((await cli(stage, ['policy', 'init', '--mode', 'default'])).code, 0)
  await stage.hub()
  await stage.daemon()
  assert.match(
    (await cli(stage, ['status'])).stdout,
    /^Policy +from a file; modes default; folders \/; MCP servers listed/m,
  )
  assert.match((await cli(stage, ['machine', 'list'])).stdout, /^ {2}· Policy: from a file; modes default;/m)

  const mode = await cli(stage, ['agent', 'start', '--permission-mode', 'bypassPermissions', '--json'])
  assert.equal(mode.code, 4)
  const { code, path, remedy } = JSON.parse(mode.stdout).error
  assert.deepEqual([code, path], ['policy', 'permission_modes'])
  assert.match(remedy, /permission_modes/)
  assert.doesNotMatch((await cli(stage, ['hub', 'audit', '--json'])).stdout, /start/)

  const agent = await stage.start()
  const auto = await cli(stage, ['agent', 'configure', agent, '--permission-mode', 'auto', '--json'])
  assert.deepEqual([auto.code, JSON.parse(auto.stdout).error.path], [4, 'permission_modes'])
  assert.doesNotMatch((await cli(stage, ['hub', 'audit', '--json'])).stdout, /configure/)
  assert.equal((await stage.command(agent, 'stop')).state, 'succeeded')
  writeFileSync(file, 'version = 1\n[commands]\ndeny = ["agent:resume"]\n')
  const resume = await cli(stage, ['agent', 'resume', agent, '--json'])
  assert.deepEqual([resume.code, JSON.parse(resume.stdout).error.path], [4, 'commands.deny'])

  writeFileSync(file, 'version = 1\n[folders]\ndeny = ["/"]\n')
  const folder = await cli(stage, ['agent', 'start', '--json'])
  assert.equal(folder.code, 4)
  assert.equal(JSON.parse(folder.stdout).error.path, 'folders.deny')

  assert.match((await cli(stage, ['status'])).stdout, /^Policy .*; refused: .*folders\.deny 1$/m)

  writeFileSync(file, 'version = 2\n')
  await until(async () => /^Policy +unreadable/m.test((await cli(stage, ['status'])).stdout), {
    what: 'an unreadable policy',
  })
  const unreadable = await cli(stage, ['agent', 'start', '--json'])
  assert.deepEqual([unreadable.code, JSON.parse(unreadable.stdout).error.path], [4, 'policy'])
  const checked = await cli(stage, ['policy', 'check'])
  assert.equal(checked.code, 2)
  assert.match(checked.stdout, /must begin with version = 1/)
})

test('the client does not send a command that the machine would refuse, but sends an older machine every command', async (t) => {
  const hub = await TestHub.open(t)
  const stage = await Stage.open(t, {
    FOMULAR_HUB_URL: hub.url,
    FOMULAR_HUB_KEY: hub.key('user'),
  })
  stage.env.FOMULAR_HUB_URL = hub.url
  const { machine } = helloOf()
  const policy = summaryOf({ from: 'default', kind: 'careful', policy: CAREFUL })
  const daemon = await hub.daemon({ machine: { ...machine, policy } })
  const start = () =>
    stage.run(['agent', 'start', '--env', 'LD_PRELOAD=/tmp/x.so', '--allowed-tools', 'Bash', '--json'])
  const refused = start()
  assert.equal(await refused.ended, 4)
  assert.match(refused.log(), /"path":"tools\.allow"/)
  await daemon.settled()
  assert.equal(daemon.ofType('agent:start').length, 0)
  await daemon.close()

  const older = await hub.daemon({ machine })
  const sent = start()
  older.answer(await older.command('agent:start'))
  assert.equal(await sent.ended, 0, sent.log())
})
