import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { CommandError, WorkspaceChanges, WorkspaceFile } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { type GitRepository, gitRepository } from '../support/git-repository.ts'
import { TestHub } from '../support/hub.ts'
import { statusOf } from '../support/light-daemon.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

type Answer<T> = T & { error?: CommandError }

const changes = (stage: Stage, query = '') =>
  stage.api<Answer<WorkspaceChanges>>('GET', `/api/agents/one/changes?${query}`)
const file = (stage: Stage, query: string) =>
  stage.api<Answer<WorkspaceFile>>('GET', `/api/agents/one/file?${query}`)

async function cli(stage: Stage, ...args: string[]) {
  const [program, ...first] = RUN
  const { stdout, stderr, exitCode } = await execa(program, [...first, ...args], {
    cwd: stage.cwd,
    env: stage.env,
    extendEnv: false,
    reject: false,
  })
  return { stdout, stderr, exitCode }
}

/** A hub and a daemon, and an agent `one` in a repository. */
async function repositoryStage(t: TestContext, policy = '') {
  const stage = await fakeStage(t)
  const file = join(stage.dir, 'policy.toml')
  writeFileSync(file, `version = 1\npermission_modes = ["*"]\n${policy}\n`, { mode: 0o600 })
  stage.env.FOMULAR_POLICY = file
  const repository = gitRepository(stage.cwd, { 'a.txt': '1\n2\n3\n', '.gitignore': '.env\n' })
  repository.write('b.txt', 'not committed\n')
  repository.write('.env', 'SECRET=1\n')
  await stage.hub()
  await stage.daemon()
  await startOne(stage, repository)
  return { stage, repository, policy: file }
}

async function startOne(stage: Stage, { dir }: GitRepository) {
  await stage.api('POST', '/api/agents', { agent_id: 'one', spec: { cwd: dir } })
  await until(() => existsSync(join(stage.state, 'agents/one/start.json')), {
    what: 'the record of the start',
  })
}

test('the hub and the command line show what an agent has changed', async (t) => {
  const { stage, repository } = await repositoryStage(t)
  await stage.command('one', 'prompt', { content: `run cd ${stage.cwd}; echo 4 >> a.txt; echo new > c.txt` })
  await until(() => existsSync(join(stage.cwd, 'c.txt')), { what: 'the change' })
  const named = async (query: string) => (await changes(stage, query)).files.map(({ path }) => path)
  assert.deepEqual(await named('since=head'), ['a.txt', 'b.txt', 'c.txt'])
  assert.deepEqual(await named('since=start'), ['a.txt', 'c.txt'])
  assert.deepEqual(await named('since=start&path=c.txt'), ['c.txt'])
  repository.commit()
  assert.deepEqual(await named('since=head'), [])
  assert.deepEqual(await named('since=start'), ['a.txt', 'c.txt'])
  assert.equal((await changes(stage, 'since=yesterday')).error?.path, 'since')

  const { stdout } = await cli(stage, 'agent', 'diff', 'one', '--start')
  assert.equal(
    stdout,
    `a.txt  modified, +1 -0
@@ -1,3 +1,4 @@
 1
 2
 3
+4

c.txt  added, +1 -0
@@ -1,0 +1,1 @@
+new

2 files changed, +2 -0`,
  )
  const short = await cli(stage, 'agent', 'diff', 'one', '--start', '--stat', 'c.txt')
  assert.equal(short.stdout, 'c.txt  added, +1 -0\n1 file changed, +1 -0')
  const json = await cli(stage, 'agent', 'diff', 'one', '--start', '--json')
  assert.deepEqual(
    json.stdout.split('\n').map((line) => JSON.parse(line).path),
    ['a.txt', 'c.txt'],
  )
  assert.equal((await cli(stage, 'agent', 'diff', 'one')).stdout, 'Nothing has changed.')
})

test('lines of files are read, but no files that git ignores', async (t) => {
  const { stage } = await repositoryStage(t)
  const { text, total_lines, next_line } = await file(stage, 'path=a.txt&from_line=2&lines=1')
  assert.deepEqual([text, total_lines, next_line], ['2', 3, 3])
  assert.equal((await file(stage, 'path=.env')).error?.code, 'file_refused')
  assert.equal((await file(stage, 'path=../a.txt')).error?.code, 'invalid_command')
  assert.equal((await file(stage, 'path=none.txt')).error?.code, 'file_refused')
  assert.equal((await file(stage, 'path=passwd&folder=/etc')).error?.code, 'file_refused')
})

test('an agent outside of a repository has no changes to show', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  await stage.api('POST', '/api/agents', { agent_id: 'one', spec: { cwd: stage.cwd } })
  assert.equal((await changes(stage)).error?.code, 'not_a_repository')
  const { stderr, exitCode } = await cli(stage, 'agent', 'diff', 'one')
  assert.match(stderr, /is not in a git repository/)
  assert.notEqual(exitCode, 0)
})

test('the policy refuses folders and commands, and its redaction applies to changes', async (t) => {
  const { stage, repository, policy } = await repositoryStage(t, `redact.patterns = ['key-\\d+']`)
  repository.write('c.txt', 'key-1234\n')
  const redacted = await changes(stage, 'path=c.txt')
  assert.match(JSON.stringify(redacted), /\[redacted\]/)
  assert.doesNotMatch(JSON.stringify(redacted), /key-1234/)
  assert.equal((await file(stage, 'path=c.txt')).text, '[redacted]')
  const rules = [
    ['commands.deny = ["workspace:diff", "workspace:file"]', 'commands.deny'],
    [`folders.deny = ["${stage.cwd}"]`, 'folders.deny'],
    ['unknown = 1', 'policy'],
  ] as const
  for (const [rule, path] of rules) {
    writeFileSync(policy, `version = 1\n${rule}\n`, { mode: 0o600 })
    for (const { error } of [await changes(stage), await file(stage, 'path=a.txt')])
      assert.deepEqual([error?.code, error?.path], ['policy', path])
  }
})

test('a machine that is not connected, or has an older daemon, cannot show changes', async (t) => {
  const hub = await TestHub.open(t)
  const ask = async () => {
    const response = await hub.request('GET', '/api/agents/a/changes')
    return [response.status, ((await response.json()) as { error: CommandError }).error.code]
  }
  const old = await hub.daemon({ agents: [statusOf('a')], capabilities: ['agent:start'] })
  assert.deepEqual(await ask(), [409, 'unsupported'])
  await old.close()
  assert.deepEqual(await ask(), [503, 'machine_offline'])
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const lost = ask()
  await daemon.command('workspace:diff')
  await daemon.close()
  assert.deepEqual(await lost, [503, 'machine_offline'])
  const again = await hub.daemon({ agents: [statusOf('a')] })
  const strange = ask()
  again.answer(await again.command('workspace:diff'), { files: 'none' })
  assert.deepEqual(await strange, [503, 'bad_answer'])
})
