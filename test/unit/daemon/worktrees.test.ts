import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import { CommandFailure } from '../../../src/agents/command-failure.ts'
import type { WorktreeRecord } from '../../../src/agents/disk/records.ts'
import { Worktrees, type WorktreesOptions } from '../../../src/daemon/worktrees.ts'
import { createLogger } from '../../../src/platform/log.ts'
import type { CommandOf } from '../../../src/protocol/index.ts'
import { gitRepository } from '../../support/git-repository.ts'
import { tempDir } from '../../support/temp.ts'

type Start = CommandOf<'agent:start'>

/** A repository, and a daemon whose agents have ended. */
function open(t: TestContext, options: Partial<WorktreesOptions> = {}) {
  const dir = tempDir(t)
  const main = gitRepository(join(dir, 'app'), {
    'secret.txt': '1\n',
    'sub/b.txt': '1\n',
    '.gitignore': '*.log\n',
  })
  const known = new Map<string, Agent>()
  const records = join(dir, 'worktrees')
  const again = () =>
    new Worktrees({
      dir: records,
      rulesFor: () => ({ user: undefined, sandbox: undefined, hidden: [] }),
      agents: {
        find: (id) => known.get(id),
        withoutFolder: (_, run) => run(),
        [Symbol.iterator]: () => known.values(),
      },
      logger: createLogger({ level: 'silent', stderr: 'none' }),
      ...options,
    })
  const worktrees = again()
  const commandFor = (agent_id: string, cwd = main.dir) =>
    ({ type: 'agent:start', command_id: `c-${agent_id}`, agent_id, spec: { cwd, worktree: {} } }) as Start
  const agentIn = (id: string, worktree: WorktreeRecord) =>
    ({ id, hasEnded: true, record: { worktree, spec: { cwd: worktree.path } } }) as Agent
  return {
    dir,
    main,
    records,
    again,
    worktrees,
    commandFor,
    /** Starts an agent in its own working tree. */
    start: (id: string, cwd = main.dir) =>
      worktrees.start(commandFor(id, cwd), async (_, worktree) => {
        const agent = agentIn(id, worktree)
        known.set(id, agent)
        return agent
      }),
    /** Starts an agent, and ends the daemon before the agent exists. */
    async interrupt(id: string) {
      await new Promise<void>((made) => {
        void worktrees.start(commandFor(id), () => {
          made()
          return new Promise(() => {})
        })
      })
    },
    adopt: (id: string, worktree: WorktreeRecord) => known.set(id, agentIn(id, worktree)),
    /** Adds a running agent without its own working tree. */
    run: (id: string, cwd: string) =>
      known.set(id, { id, hasEnded: false, record: { spec: { cwd } } } as Agent),
    tree: (id: string) => join(dir, 'app-worktrees', id),
  }
}

test('an agent gets no working tree of a repository that the policy permits only in part', async (t) => {
  const denied: string[] = []
  const it = open(t, {
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
  const it = open(t)
  await it.interrupt('one')
  assert.equal(existsSync(it.tree('one')), true)
  await it.again().cleanUp()
  assert.equal(existsSync(join(it.dir, 'app-worktrees')), false)
  assert.deepEqual(readdirSync(it.records), [])
  assert.equal(it.main.git('branch', '--format=%(refname:short)'), 'main')
  assert.equal(it.main.git('worktree', 'list').split('\n').length, 1)
})

test('the next daemon keeps the working tree of an agent that exists, and completes it', async (t) => {
  const it = open(t)
  await it.interrupt('one')
  const record = { repository: it.main.dir, path: it.tree('one'), branch: 'agent/one', is_new_branch: true }
  it.adopt('one', record)
  await it.again().cleanUp()
  assert.deepEqual(readdirSync(it.records), [])
  // Git does not remove a locked working tree.
  it.main.git('worktree', 'remove', it.tree('one'))
})

test('the next daemon keeps everything that another user has made in the place of an interrupted start', async (t) => {
  const it = open(t)
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
  const it = open(t, {
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
  const it = open(t)
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

test('ignored files that no tool makes again are removed only with force', async (t) => {
  const it = open(t)
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
  const it = open(t)
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
  const it = open(t)
  const agent = await it.start('one')
  it.run('two', join(it.tree('one'), 'sub'))
  await assert.rejects(it.worktrees.discard(agent, true), { code: 'agent_running', message: /^two / })
  assert.equal(existsSync(it.tree('one')), true)
})

test('commits that belong to no branch count as not merged', async (t) => {
  const it = open(t)
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

test('a working tree of a linked working tree names the folder that gets its commits', async (t) => {
  const it = open(t)
  const linked = join(it.dir, 'linked')
  it.main.git('worktree', 'add', '--quiet', '-b', 'linked', linked)
  mkdirSync(join(linked, 'new'))
  const { record } = await it.start('one', linked)
  assert.equal(record.worktree?.common_dir, join(it.main.dir, '.git'))
  assert.equal(record.worktree?.path, join(it.dir, 'linked-worktrees/one'))
})
