import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import { worktreesOf } from '../../support/worktrees.ts'

test('an agent gets no working tree of a repository that the policy permits only in part', async (t) => {
  const denied: string[] = []
  const it = worktreesOf(t, {
    rulesFor: (folders: string[]) => {
      if (folders.some((folder) => denied.includes(folder)))
        throw new CommandFailure('policy', 'not this folder')
      return { user: undefined, sandbox: undefined, hidden: [] }
    },
  })
  denied.push(it.main.dir)
  await assert.rejects(it.start('one', join(it.main.dir, 'sub')), { code: 'policy' })
  denied[0] = join(it.main.dir, '.git')
  const linked = join(it.dir, 'linked')
  it.main.git('worktree', 'add', '--quiet', '-b', 'linked', linked)
  await assert.rejects(it.start('one', linked), { code: 'policy' })
  assert.deepEqual(
    readdirSync(it.dir).filter((name) => name.endsWith('-worktrees')),
    [],
  )
})

test('the next daemon removes the working tree of a start that was interrupted, even if it is not repeated', async (t) => {
  const it = worktreesOf(t)
  await it.interrupt('one')
  assert.equal(existsSync(it.tree('one')), true)
  await it.again().cleanUp()
  assert.equal(existsSync(join(it.dir, 'app-worktrees')), false)
  assert.deepEqual(readdirSync(it.records), [])
  assert.equal(it.main.git('branch', '--format=%(refname:short)'), 'main')
  assert.equal(it.main.git('worktree', 'list').split('\n').length, 1)
})

test('the next daemon keeps the working tree of an agent that exists, and completes it', async (t) => {
  const it = worktreesOf(t)
  await it.interrupt('one')
  const record = { repository: it.main.dir, path: it.tree('one'), branch: 'agent/one', is_new_branch: true }
  it.adopt('one', record)
  await it.again().cleanUp()
  assert.deepEqual(readdirSync(it.records), [])
  // Git does not remove a locked working tree.
  it.main.git('worktree', 'remove', it.tree('one'))
})

test('the next daemon keeps everything that another user has made in the place of an interrupted start', async (t) => {
  const it = worktreesOf(t)
  await it.interrupt('one')
  it.main.git('worktree', 'remove', '--force', '--force', it.tree('one'))
  it.main.git('worktree', 'add', '--quiet', it.tree('one'), 'agent/one')
  await it.interrupt('two')
  it.main.git('-C', it.tree('two'), 'commit', '--quiet', '--allow-empty', '--message', 'Work')
  writeFileSync(join(it.records, 'three.json'), '{"damaged')
  await it.again().cleanUp()
  assert.deepEqual(readdirSync(it.records), [])
  assert.equal(existsSync(join(it.tree('one'), 'secret.txt')), true)
  assert.equal(it.main.git('branch', '--list', 'agent/two', '--format=%(refname:short)'), 'agent/two')
})

test('the next daemon tries again later if the policy does not permit the repository', async (t) => {
  let isDenied = false
  const it = worktreesOf(t, {
    rulesFor: () => {
      if (isDenied) throw new CommandFailure('policy', 'not this folder')
      return { user: undefined, sandbox: undefined, hidden: [] }
    },
  })
  await it.interrupt('one')
  isDenied = true
  await it.again().cleanUp()
  assert.deepEqual(readdirSync(it.records), ['one.json'])
  isDenied = false
  await it.again().cleanUp()
  assert.deepEqual(readdirSync(it.records), [])
})

test('agents start and are discarded at the same time in one repository', async (t) => {
  const it = worktreesOf(t)
  const ids = ['a', 'b', 'c']
  for (const round of [1, 2]) {
    const all = await Promise.all(
      ids.map(async (id) => {
        const agent = await it.start(`${id}${round}`)
        await it.worktrees.discard(agent, false)
        return agent.id
      }),
    )
    assert.equal(all.length, ids.length)
  }
  assert.equal(existsSync(join(it.dir, 'app-worktrees')), false)
  assert.equal(it.main.git('branch', '--format=%(refname:short)'), 'main')
})

test('a working tree of a linked working tree names the folder that gets its commits', async (t) => {
  const it = worktreesOf(t)
  const linked = join(it.dir, 'linked')
  it.main.git('worktree', 'add', '--quiet', '-b', 'linked', linked)
  mkdirSync(join(linked, 'new'))
  const { record } = await it.start('one', linked)
  assert.equal(record.worktree?.common_dir, join(it.main.dir, '.git'))
  assert.equal(record.worktree?.path, join(it.dir, 'linked-worktrees/one'))
})

test('the working tree of a removed agent stays, even if its start could not be completed', async (t) => {
  let isDenied = false
  const it = worktreesOf(t, {
    rulesFor: () => {
      if (isDenied) throw new CommandFailure('policy', 'not this folder')
      return { user: undefined, sandbox: undefined, hidden: [] }
    },
  })
  await it.worktrees.start(it.commandFor('one'), async (_, worktree) => {
    isDenied = true
    return it.adopt('one', worktree).get('one')!
  })
  isDenied = false
  const path = join(it.tree('one'), 'work.txt')
  writeFileSync(path, 'x\n')
  it.forget('one')
  await it.again().cleanUp()
  assert.equal(existsSync(path), true)
})
