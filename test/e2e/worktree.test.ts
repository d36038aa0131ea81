import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { Outcome } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { gitRepository } from '../support/git-repository.ts'
import { TestHub } from '../support/hub.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

async function cli(stage: Stage, cwd: string, ...args: string[]) {
  const [program, ...first] = RUN
  const { stdout, stderr, exitCode } = await execa(program, [...first, ...args], {
    cwd,
    env: stage.env,
    extendEnv: false,
    reject: false,
  })
  return { stdout, stderr, exitCode }
}

async function repositoryStage(t: TestContext, rules = '') {
  const stage = await fakeStage(t)
  const main = gitRepository(join(stage.dir, 'app'), { 'a.txt': '1\n', 'sub/b.txt': '1\n' })
  for (const [name, value] of [
    ['user.name', 'a'],
    ['user.email', 'a@example.com'],
  ] as const)
    main.git('config', name, value)
  stage.env.FOMULAR_POLICY = join(stage.dir, 'policy.toml')
  const policy = `version = 1\npermission_modes = ["*"]\n${rules.replace('REPOSITORY', main.dir)}\n`
  writeFileSync(stage.env.FOMULAR_POLICY, policy, { mode: 0o600 })
  await stage.hub()
  await stage.daemon()
  return { stage, main, tree: join(stage.dir, 'app-worktrees/one') }
}

test('an agent works on its own branch, which is merged and removed on request', async (t) => {
  const { stage, main, tree } = await repositoryStage(t)
  const run = (...args: string[]) => cli(stage, join(main.dir, 'sub'), 'agent', ...args)
  await run('start', '--id', 'one', '--worktree')
  const { cwd, worktree } = await stage.agentIs('one', 'idle')
  assert.deepEqual(
    [cwd, worktree],
    [join(tree, 'sub'), { branch: 'agent/one', repository: main.dir, path: tree }],
  )
  assert.match((await run('show', 'one')).stdout, /Branch +agent\/one, made from/)
  await stage.command('one', 'prompt', { content: 'run pwd > where; echo 2 > b.txt; touch done' })
  await until(() => existsSync(join(tree, 'sub/done')), { what: 'the change' })
  assert.equal(readFileSync(join(tree, 'sub/where'), 'utf8').trim(), join(tree, 'sub'))
  assert.equal(main.git('status', '--porcelain'), '')
  assert.match((await run('diff', 'one', '--stat')).stdout, /b\.txt {2}modified, \+1 -1/)

  assert.match((await run('merge', 'one')).stderr, /not committed: sub\/b\.txt/)
  main.git('-C', tree, 'add', '--all')
  main.git('-C', tree, 'commit', '--quiet', '--message', 'Work')
  assert.match((await run('discard', 'one')).stderr, /is running/)
  await stage.command('one', 'stop')
  assert.match((await run('discard', 'one')).stderr, /not merged/)
  assert.match((await run('merge', 'one')).stdout, /^Merged agent\/one into main, now [0-9a-f]{40}\.$/)
  assert.equal(readFileSync(join(main.dir, 'sub/b.txt'), 'utf8'), '2\n')
  assert.equal((await run('merge', 'one')).stdout, 'main already contains agent/one.')
  assert.equal((await run('discard', 'one')).stdout, 'Removed the working tree of one.')
  assert.equal(existsSync(join(stage.dir, 'app-worktrees')), false)
  assert.equal(main.git('branch', '--list', '--format=%(refname:short)'), 'main')
})

test('nothing is left behind if an agent cannot start in a working tree', async (t) => {
  const { stage, main } = await repositoryStage(t)
  const state = () => [
    main.git('for-each-ref'),
    main.git('worktree', 'list'),
    readdirSync(stage.dir).filter((name) => name.startsWith('app')),
    readdirSync(join(stage.state, 'worktrees')),
  ]
  const start = (spec: object) =>
    stage.api<Outcome>('POST', '/api/agents', { agent_id: 'one', spec: { cwd: main.dir, ...spec } })
  mkdirSync(join(stage.state, 'worktrees'))
  const before = state()
  // The folder is not in the commit, so it is not in the working tree.
  mkdirSync(join(main.dir, 'new'))
  const refused = [
    await start({ worktree: {}, cwd: join(main.dir, 'new') }),
    await start({ worktree: {}, runtime: 'unknown' }),
    await start({ worktree: { branch: 'main' } }),
    await start({ worktree: { branch: '--force' } }),
    await start({ worktree: {}, cwd: stage.cwd }),
  ]
  assert.deepEqual(
    refused.map(({ error }) => error?.code),
    ['cwd_missing', 'runtime_unknown', 'worktree_failed', 'invalid_command', 'not_a_repository'],
  )
  assert.deepEqual(state(), before)
  const named = await start({ worktree: { branch: 'topic' } })
  assert.equal(named.state, 'succeeded')
  assert.equal((await stage.agent('one')).worktree?.branch, 'topic')
})

test('an attempt that was interrupted is undone before the command is carried out again', async (t) => {
  const { stage, main, tree } = await repositoryStage(t)
  main.git('worktree', 'add', '--quiet', '--lock', '--no-checkout', '-b', 'agent/one', tree)
  const worktree = {
    repository: main.dir,
    path: tree,
    branch: 'agent/one',
    is_new_branch: true,
    onto: 'main',
    commit: main.git('rev-parse', 'main'),
  }
  mkdirSync(join(stage.state, 'worktrees'))
  writeFileSync(
    join(stage.state, 'worktrees/one.json'),
    JSON.stringify({ version: 1, command_id: 'c-1', worktree }),
  )
  const { state } = await stage.api<Outcome>('POST', '/api/agents', {
    agent_id: 'one',
    command_id: 'c-1',
    spec: { cwd: main.dir, worktree: {} },
  })
  assert.equal(state, 'succeeded')
  assert.equal(main.git('-C', tree, 'status', '--porcelain'), '')
})

test('the next daemon removes the working tree of a start that no command repeats', async (t) => {
  const { stage, main, tree } = await repositoryStage(t)
  main.git('worktree', 'add', '--quiet', '--lock', '--no-checkout', '-b', 'agent/one', tree)
  const about = { repository: main.dir, path: tree, branch: 'agent/one', is_new_branch: true }
  const worktree = { ...about, commit: main.git('rev-parse', 'main') }
  const record = join(stage.state, 'worktrees/one.json')
  mkdirSync(join(stage.state, 'worktrees'))
  writeFileSync(record, JSON.stringify({ version: 1, command_id: 'c-1', worktree }))
  await stage.restart()
  await until(() => !existsSync(record), { what: 'the cleanup' })
  assert.equal(existsSync(tree), false)
  assert.equal(main.git('branch', '--list', '--format=%(refname:short)'), 'main')
})

test('the removal of an agent names the working tree that stays, or removes it on request', async (t) => {
  const { stage, main, tree } = await repositoryStage(t)
  const run = (...args: string[]) => cli(stage, main.dir, 'agent', ...args)
  const branches = () => main.git('branch', '--list', '--format=%(refname:short)')
  await run('start', '--id', 'one', '--worktree')
  await stage.agentIs('one', 'idle')
  writeFileSync(join(tree, 'new.txt'), 'work\n')
  const refused = await run('remove', 'one', '--force', '--discard-worktree')
  assert.match(refused.stderr, /not committed: new\.txt/)
  await stage.agentIs('one', 'exited')
  const command = `git -C ${main.dir} worktree remove ${tree}`
  const said = `Removed one. Its working tree stays in ${tree}, with the branch agent/one.\n  To remove the working tree: ${command}`
  assert.equal((await run('remove', 'one')).stdout, said)
  assert.equal(existsSync(join(tree, 'new.txt')), true)
  main.git('worktree', 'remove', '--force', tree)
  main.git('branch', '--quiet', '-D', 'agent/one')

  await run('start', '--id', 'one', '--worktree')
  await stage.agentIs('one', 'idle')
  const running = await run('remove', 'one', '--discard-worktree')
  assert.match(running.stderr, /is running/)
  const both = await run('remove', 'one', '--force', '--discard-worktree')
  assert.equal(both.stdout, 'Removed one and its working tree.')
  assert.deepEqual([existsSync(tree), branches()], [false, 'main'])
  assert.equal((await run('start', '--id', 'two')).exitCode, 0)
  assert.equal((await run('remove', 'two', '--force', '--discard-worktree')).stdout, 'Removed two.')
})

test('a policy that does not permit the folder of a working tree refuses the start', async (t) => {
  const { stage, main } = await repositoryStage(t, 'folders.allow = ["REPOSITORY"]')
  const before = main.git('for-each-ref')
  const { error } = await stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: main.dir, worktree: {} } })
  assert.deepEqual([error?.code, error?.path], ['policy', 'folders.allow'])
  assert.equal(main.git('for-each-ref'), before)
})

test('the hub does not send a start with a working tree to an older daemon', async (t) => {
  const hub = await TestHub.open(t)
  const start = async () => {
    const response = await hub.request('POST', '/api/agents?wait=0', { spec: { cwd: '/', worktree: {} } })
    return ((await response.json()) as Outcome).error?.code
  }
  const old = await hub.daemon({ capabilities: ['agent:start'] })
  assert.equal(await start(), 'unsupported')
  await old.close()
  const response = await hub.request('POST', '/api/agents?wait=0', {
    command_id: 'c-1',
    spec: { cwd: '/', worktree: {} },
  })
  assert.equal(response.status, 202)
  await hub.daemon({ capabilities: ['agent:start'] })
  await until(async () => (await hub.api<Outcome>('GET', '/api/commands/c-1')).state === 'failed', {
    what: 'the refusal',
  })
})
