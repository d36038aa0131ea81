// Needs: root, bwrap
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CommandError, WorkspaceChanges, WorkspaceFile } from '../../src/protocol/index.ts'
import { fakeAgent } from '../support/fake-agent.ts'
import { gitRepository } from '../support/git-repository.ts'
import { openProgram } from '../support/open-program.ts'
import { Stage } from '../support/stage.ts'
import { systemUser } from '../support/system-user.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

type Answer<T> = T & { error?: CommandError }

/** A daemon that runs as root, with an agent in a repository of another user. */
async function confinedStage(t: TestContext, rules: string, spec: object = {}) {
  const user = systemUser(t)
  const open = tempDir(t)
  chmodSync(open, 0o755)
  const claude = fakeAgent(t, open, openProgram(open, process.execPath))
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: claude })
  const policy = join(stage.dir, 'policy.toml')
  writeFileSync(
    policy,
    `version = 1\npermission_modes = ["*"]\nisolation.agent_user = "${user.name}"\n${rules}\n`,
    { mode: 0o600 },
  )
  stage.env.FOMULAR_POLICY = policy
  const repository = gitRepository(join(open, 'work'), { 'a.txt': '1\n', 'closed/b.txt': '1\n' })
  repository.write('a.txt', '2\n')
  execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, repository.dir])
  await stage.hub()
  await stage.daemon()
  chownSync(open, user.uid, user.gid)
  await stage.api('POST', '/api/agents', { agent_id: 'one', spec: { cwd: repository.dir, ...spec } })
  await until(() => existsSync(join(stage.state, 'agents/one/start.json')), {
    what: 'the record of the start',
  })
  return { stage, repository, user }
}

test('changes are read with the rights of the user that agents run as', async (t) => {
  const { stage, repository, user } = await confinedStage(t, '')
  const file = (path: string) => stage.api<Answer<WorkspaceFile>>('GET', `/api/agents/one/file?path=${path}`)
  assert.equal((await file('a.txt')).text, '2')
  // Root's files, which the user may not read.
  repository.write('roots.txt', 'secret\n')
  chmodSync(join(repository.dir, 'roots.txt'), 0o600)
  const secrets = join(repository.dir, 'secrets')
  mkdirSync(secrets, { mode: 0o700 })
  writeFileSync(join(secrets, 'key'), 'secret\n')
  const { files } = await stage.api<WorkspaceChanges>('GET', '/api/agents/one/changes')
  assert.deepEqual(
    files.map(({ path, omitted }) => [path, omitted]),
    [
      ['a.txt', undefined],
      ['roots.txt', 'unreadable'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(files), /secret\\n/)
  for (const path of ['roots.txt', 'secrets/key'])
    assert.match((await file(path)).error?.code ?? '', /^file_/)
  chownSync(join(repository.dir, 'roots.txt'), user.uid, user.gid)
  assert.equal((await file('roots.txt')).text, 'secret')
})

test('programs that read changes run in the sandbox of agents', async (t) => {
  const { stage } = await confinedStage(t, 'isolation.sandbox = "bubblewrap"')
  const { files } = await stage.api<WorkspaceChanges>('GET', '/api/agents/one/changes?since=head')
  assert.deepEqual(
    files.map(({ path, added, removed }) => [path, added, removed]),
    [['a.txt', 1, 1]],
  )
  const { text } = await stage.api<WorkspaceFile>('GET', '/api/agents/one/file?path=a.txt')
  assert.equal(text, '2')
})

test('a working tree belongs to the user that agents run as', async (t) => {
  const { stage, repository, user } = await confinedStage(t, '', { worktree: {} })
  const { cwd } = await stage.agentIs('one', 'idle')
  assert.equal(statSync(join(cwd, 'a.txt')).uid, user.uid)
  const identity = '-c user.name=a -c user.email=a@example.com'
  const commit = `echo 3 >> a.txt; git ${identity} commit --quiet --all --message Work; touch done`
  await stage.command('one', 'prompt', { content: `run cd ${cwd}; ${commit}` })
  await until(() => existsSync(join(cwd, 'done')), { what: 'the commit' })
  rmSync(join(cwd, 'done'))
  repository.write('a.txt', '1\n')
  const { state, error } = await stage.command('one', 'merge')
  assert.deepEqual([state, error], ['succeeded', undefined])
  assert.equal(readFileSync(join(repository.dir, 'a.txt'), 'utf8'), '1\n3\n')
  assert.equal(statSync(join(repository.dir, 'a.txt')).uid, user.uid)
})
