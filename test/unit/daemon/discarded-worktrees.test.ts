import assert from 'node:assert/strict'
import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gitRepository } from '../../support/git-repository.ts'
import { worktreesOf } from '../../support/worktrees.ts'

test('ignored files that no tool makes again are removed only with force', async (t) => {
  const it = worktreesOf(t)
  const agent = await it.start('one')
  it.main.write('.git/info/exclude', '.env\nnode_modules/\ncache/\ndata/\n')
  const write = (path: string) => it.main.write(join('../app-worktrees/one', path), 'x\n')
  for (const path of ['node_modules/a/index.js', 'sub/node_modules/b.js', 'cache/CACHEDIR.TAG']) write(path)
  for (const path of ['.env', 'data/rows.csv', 'sub/run.log']) write(path)
  await assert.rejects(it.worktrees.discard(agent, false), {
    code: 'worktree_dirty',
    message: /git ignores.*: \.env, data\/, sub\/run\.log\.$/,
  })
  assert.equal(existsSync(join(it.tree('one'), '.env')), true)
  await it.worktrees.discard(agent, true)
  assert.equal(existsSync(it.tree('one')), false)
  const other = await it.start('two')
  it.main.write('../app-worktrees/two/node_modules/a.js', 'x\n')
  await it.worktrees.discard(other, false)
  assert.equal(existsSync(it.tree('two')), false)
})

test('a branch that is checked out elsewhere is not deleted, even with force', async (t) => {
  const it = worktreesOf(t)
  const agent = await it.start('one')
  it.main.git('-C', it.tree('one'), 'checkout', '--quiet', '-b', 'other')
  it.main.git('checkout', '--quiet', 'agent/one')
  for (const force of [false, true])
    await assert.rejects(it.worktrees.discard(agent, force), {
      code: 'worktree_failed',
      message: `The branch agent/one cannot be deleted, because it is checked out in ${it.main.dir}.`,
    })
  assert.equal(existsSync(it.tree('one')), true)
  it.main.git('checkout', '--quiet', 'main')
  await it.worktrees.discard(agent, false)
  assert.equal(it.main.git('branch', '--format=%(refname:short)'), 'main\nother')
})

test('a working tree in which another agent works is not removed', async (t) => {
  const it = worktreesOf(t)
  const agent = await it.start('one')
  it.run('two', join(it.tree('one'), 'sub'))
  await assert.rejects(it.worktrees.discard(agent, true), { code: 'agent_running', message: /^two / })
  assert.equal(existsSync(it.tree('one')), true)
})

test('commits that belong to no branch count as not merged', async (t) => {
  const it = worktreesOf(t)
  const agent = await it.start('one')
  it.main.git('-C', it.tree('one'), 'checkout', '--quiet', '--detach')
  it.main.git('-C', it.tree('one'), 'commit', '--quiet', '--allow-empty', '--message', 'Work')
  await assert.rejects(it.worktrees.discard(agent, false), {
    code: 'worktree_unmerged',
    message: /no branch/,
  })
  it.main.git('-C', it.tree('one'), 'branch', 'saved')
  await it.worktrees.discard(agent, false)
})

test('a working tree that could not be unlocked at its start is discarded', async (t) => {
  const it = worktreesOf(t)
  const agent = await it.start('one')
  it.main.git('worktree', 'lock', '--reason', 'added with --lock', it.tree('one'))
  await it.worktrees.discard(agent, false)
  assert.equal(existsSync(it.tree('one')), false)
  const other = await it.start('two')
  it.main.git('worktree', 'lock', it.tree('two'))
  await assert.rejects(it.worktrees.discard(other, true), { code: 'worktree_failed', message: /unlock/ })
})

test('work in submodules and other repositories in a working tree is removed only with force', async (t) => {
  const it = worktreesOf(t)
  const lib = gitRepository(join(it.dir, 'lib'), { 'f.txt': '1\n' })
  const submodule = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet']
  it.main.git(...submodule, 'add', lib.dir, 'lib')
  it.main.commit()
  const unused = await it.start('zero')
  await it.worktrees.discard(unused, false)
  const agent = await it.start('one')
  it.main.git('-C', it.tree('one'), ...submodule, 'update', '--init')
  it.main.write('../app-worktrees/one/lib/f.txt', 'work\n')
  const refusal = { code: 'worktree_dirty', message: /repositories.*: lib\.$/ }
  await assert.rejects(it.worktrees.discard(agent, false), refusal)
  assert.equal(existsSync(it.tree('one')), true)
  // The commits of a submodule are in the working tree's own folder, even without the submodule's files.
  it.main.git('-C', it.tree('one'), 'submodule', '--quiet', 'deinit', '--force', 'lib')
  await assert.rejects(it.worktrees.discard(agent, false), refusal)
  await it.worktrees.discard(agent, true)
  assert.equal(existsSync(it.tree('one')), false)
  const other = await it.start('two')
  gitRepository(join(it.tree('two'), 'own'), { 'f.txt': '1\n' })
  it.main.git('-C', it.tree('two'), '-c', 'advice.addEmbeddedRepo=false', 'add', 'own')
  it.main.git('-C', it.tree('two'), 'commit', '--quiet', '--message', 'Work')
  await it.worktrees.merge(other)
  await assert.rejects(it.worktrees.discard(other, false), {
    code: 'worktree_dirty',
    message: /repositories.*: own\.$/,
  })
})

test('a linked folder for working trees holds them like any other', async (t) => {
  const it = worktreesOf(t)
  mkdirSync(join(it.dir, 'disk'))
  symlinkSync(join(it.dir, 'disk'), join(it.dir, 'app-worktrees'))
  const agent = await it.start('one')
  assert.equal(agent.record.worktree?.path, join(it.dir, 'disk/one'))
  writeFileSync(join(it.tree('one'), 'work.txt'), 'x\n')
  await assert.rejects(it.worktrees.discard(agent, false), { code: 'worktree_dirty' })
  // The folder of the working trees was moved to another disk.
  renameSync(join(it.dir, 'disk'), join(it.dir, 'other'))
  symlinkSync(join(it.dir, 'other'), join(it.dir, 'disk'))
  await assert.rejects(it.worktrees.discard(agent, false), { code: 'worktree_dirty' })
  it.run('two', it.tree('one'))
  await assert.rejects(it.worktrees.discard(agent, true), { code: 'agent_running' })
  it.forget('two')
  await it.worktrees.discard(agent, true)
  assert.equal(existsSync(it.tree('one')), false)
})
