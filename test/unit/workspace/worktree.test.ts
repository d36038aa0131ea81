import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkMerged } from '../../../src/workspace/discard.ts'
import { checkCommitted, mergeWorktree } from '../../../src/workspace/merge.ts'
import { findRepository, type Repository } from '../../../src/workspace/repository.ts'
import { dropWorktree, makeWorktree, releaseWorktree } from '../../../src/workspace/worktree.ts'
import { gitRepository, placeAt } from '../../support/git-repository.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

/** Makes a repository, and a working tree for an agent. */
async function open(t: Cleanup, branch = 'agent/one', mayExist = false) {
  const main = gitRepository(join(tempDir(t), 'app'), { 'a.txt': '1\n2\n3\n4\n5\n', 'b.txt': '1\n' })
  const { user } = placeAt(t, main.dir)
  const repository = findRepository(main.dir) as Repository
  const path = `${main.dir}-worktrees/one`
  const make = () => makeWorktree(repository, user, { path, branch, mayExist })
  return { main, user, repository, path, make }
}

test('an agent gets its own branch and folder, and the repository stays unchanged', async (t) => {
  const { main, path, make } = await open(t)
  main.write('a.txt', 'not committed\n')
  const made = await make()
  assert.deepEqual(made, {
    repository: main.dir,
    common_dir: join(main.dir, '.git'),
    path,
    branch: 'agent/one',
    is_new_branch: true,
    onto: 'main',
  })
  assert.equal(readFileSync(join(path, 'b.txt'), 'utf8'), '1\n')
  assert.equal(main.git('-C', path, 'status', '--porcelain'), '')
  assert.equal(main.git('-C', path, 'branch', '--show-current'), 'agent/one')
  assert.equal(main.git('status', '--porcelain'), 'M a.txt')
})

test('nothing is left behind if a working tree cannot be made', async (t) => {
  const { main, path, make, repository, user } = await open(t)
  const state = () => [
    main.git('branch', '--list'),
    main.git('worktree', 'list'),
    existsSync(`${main.dir}-worktrees`),
  ]
  // The reflog names a branch that no longer exists.
  main.git('checkout', '--quiet', '-b', 'gone')
  main.git('checkout', '--quiet', 'main')
  main.git('branch', '--quiet', '-d', 'gone')
  const before = state()
  const other = (branch: string, mayExist = false) =>
    makeWorktree(repository, user, { path, branch, mayExist })
  await assert.rejects(other('main'), { code: 'worktree_failed', message: /exists already/ })
  await assert.rejects(other('main', true), { code: 'worktree_failed', message: /main/ })
  for (const name of ['-b', 'a..b', 'a b', '.x', 'x.lock', '@{-1}'])
    await assert.rejects(other(name), { code: 'invalid_command' })
  assert.deepEqual(state(), before)
  const done = await make()
  await releaseWorktree(repository, user, done)
  await dropWorktree(repository, user, done)
  assert.deepEqual(state(), before)
  const { make: unborn } = await (async () => {
    const empty = gitRepository(tempDir(t))
    const found = findRepository(empty.dir) as Repository
    return { make: () => makeWorktree(found, user, { path, branch: 'x', mayExist: false }) }
  })()
  await assert.rejects(unborn(), { code: 'worktree_failed', message: /no commit/ })
})

test('a branch is merged by a fast-forward or without a conflict, and other changes are kept', async (t) => {
  const { main, user, path, make, repository } = await open(t)
  const made = await make()
  const tree = { write: (name: string, text: string) => main.write(join('../app-worktrees/one', name), text) }
  const commit = () => {
    main.git('-C', path, 'add', '--all')
    main.git('-C', path, 'commit', '--quiet', '--message', 'Work')
  }
  tree.write('a.txt', 'first\n2\n3\n4\n5\n')
  await assert.rejects(mergeWorktree(user, made), { code: 'worktree_dirty', message: /a\.txt/ })
  await assert.rejects(checkCommitted(made, user), { code: 'worktree_dirty' })
  commit()
  await assert.rejects(checkMerged(repository, user, made), { code: 'worktree_unmerged' })
  main.write('b.txt', 'not committed\n')
  assert.equal((await mergeWorktree(user, made)).how, 'fast-forward')
  assert.equal(readFileSync(join(main.dir, 'a.txt'), 'utf8'), 'first\n2\n3\n4\n5\n')
  assert.equal(main.git('status', '--porcelain'), 'M b.txt')
  assert.equal((await mergeWorktree(user, made)).how, 'none')
  await checkMerged(repository, user, made)

  tree.write('c.txt', 'new\n')
  commit()
  main.write('a.txt', 'first\n2\n3\n4\nlast\n')
  main.git('commit', '--quiet', '--message', 'Other work', 'a.txt')
  const { how, commit: merged } = await mergeWorktree(user, made)
  assert.equal(how, 'merge')
  assert.equal(main.git('rev-parse', 'HEAD'), merged)
  assert.equal(main.git('show', '--no-patch', '--format=%P', 'HEAD').split(' ').length, 2)
  assert.equal(readFileSync(join(main.dir, 'c.txt'), 'utf8'), 'new\n')
  assert.equal(main.git('status', '--porcelain'), 'M b.txt')
})

test('a merge with a conflict, or over other changes, changes nothing', async (t) => {
  const { main, user, path, make } = await open(t)
  const made = await make()
  main.write('../app-worktrees/one/a.txt', 'theirs\n2\n3\n4\n5\n')
  main.write('../app-worktrees/one/b.txt', 'theirs\n')
  main.git('-C', path, 'commit', '--quiet', '--all', '--message', 'Work')
  main.write('b.txt', 'not committed\n')
  const state = () => [
    main.git('rev-parse', 'HEAD'),
    main.git('diff', 'HEAD'),
    main.git('status', '--porcelain'),
  ]
  const before = state()
  await assert.rejects(mergeWorktree(user, made), { code: 'worktree_failed', message: /nothing was changed/ })
  assert.deepEqual(state(), before)
  main.write('a.txt', 'ours\n2\n3\n4\n5\n')
  main.git('commit', '--quiet', '--all', '--message', 'Other work')
  const clean = state()
  await assert.rejects(mergeWorktree(user, made), { code: 'merge_conflict', message: /a\.txt, b\.txt/ })
  assert.deepEqual(state(), clean)
  main.git('checkout', '--quiet', '-b', 'other')
  await assert.rejects(mergeWorktree(user, made), { code: 'worktree_failed', message: /not checked out/ })
})
