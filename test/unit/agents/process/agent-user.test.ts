import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentUser, environmentAs } from '../../../../src/agents/process/agent-user.ts'
import { readStartupFiles } from '../../../../src/agents/trust/read-startup-files.ts'
import { accountOf } from '../../../../src/platform/account.ts'
import { examinePolicy } from '../../../../src/policy/examine.ts'
import { isRoot } from '../../../support/system-user.ts'
import { tempDir } from '../../../support/temp.ts'

const agents = { name: 'agents', home: '/home/agents', shell: '/bin/bash' }

test('agents of another user inherit no variables about the login or the home of the daemon’s user', () => {
  const env = environmentAs(agents, {
    PATH: '/root/bin:/usr/bin',
    HOME: '/root',
    USER: 'root',
    LANG: 'C.UTF-8',
    XDG_RUNTIME_DIR: '/run/user/0',
    SSH_AUTH_SOCK: '/tmp/agent',
    TMPDIR: '/tmp/root',
    CLAUDE_CONFIG_DIR: '/root/.claude-work',
    ROOTED: '/rooted',
    FOMULAR_CLAUDE_PATH: '/root/claude',
    ANTHROPIC_API_KEY: 'k',
  })
  assert.deepEqual(env, {
    PATH: '/root/bin:/usr/bin',
    HOME: '/home/agents',
    USER: 'agents',
    LOGNAME: 'agents',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    ROOTED: '/rooted',
    FOMULAR_CLAUDE_PATH: '/root/claude',
    ANTHROPIC_API_KEY: 'k',
  })
})

test('a missing user, root, or a user to whom the daemon cannot switch is refused, and the error names the policy’s key', () => {
  const refusal = (name: string) => {
    try {
      return agentUser(name).command.join(' ')
    } catch (error) {
      const { code, error: told, remedy } = error as { code: string; error: { path: string }; remedy: string }
      assert.ok(remedy)
      return [code, told.path]
    }
  }
  const refused = ['policy', 'isolation.agent_user']
  assert.deepEqual(refusal('no-such-user'), refused)
  assert.deepEqual(refusal('root'), refused)
  const { uid, gid } = accountOf('nobody')!
  if (isRoot)
    assert.match(
      String(refusal('nobody')),
      new RegExp(`--reuid=${uid} --regid=${gid} --init-groups .*--no-new-privs --$`),
    )
  else assert.deepEqual(refusal('nobody'), refused)
})

test('agent_user in a policy accepts only the name of a user', () => {
  const of = (name: string) =>
    examinePolicy(`version = 1\nisolation.agent_user = ${JSON.stringify(name)}`).problems?.[0]?.key
  for (const name of ['agents', '_x', 'a.b-c', 'ada@example.com', 'host$'])
    assert.equal(of(name), undefined, name)
  for (const name of ['', '-x', '0', 'a b', 'a:b', 'a\n', '$(id)', "a'", 'a/b'])
    assert.equal(of(name), 'isolation.agent_user', name)
})

test('an agent’s symbolic link does not show a person any file that the agent’s user may not read', (t) => {
  const dir = tempDir(t)
  const [secret, open, links] = ['secret', 'open', 'links'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [secret, open, links]) mkdirSync(path)
  writeFileSync(join(secret, 'settings.json'), 'a secret')
  writeFileSync(join(open, 'settings.json'), '{}')
  writeFileSync(join(open, 'private.json'), 'a secret', { mode: 0o600 })
  for (const path of [secret, open]) chmodSync(path, 0o755)
  for (const path of [join(secret, 'settings.json'), join(open, 'settings.json')]) chmodSync(path, 0o644)
  chmodSync(dir, 0o755)
  chmodSync(secret, 0o700)
  const link = join(links, 'settings.json')
  symlinkSync(join(secret, 'settings.json'), link)
  const nobody = accountOf('nobody')!
  const read = (path: string) => {
    const { files, cut } = readStartupFiles([path], nobody)
    return [files.map(({ text }) => text).join(), cut]
  }
  assert.deepEqual(read(join(open, 'settings.json')), ['{}', false])
  assert.deepEqual(read(join(open, 'private.json')), ['', true])
  assert.deepEqual(read(link), ['', true])
  assert.deepEqual(read(join(dir, 'missing')), ['', false])
  // Behind a folder that the user may not enter, existing and missing files look the same.
  symlinkSync(join(secret, 'missing'), join(links, 'dangling'))
  symlinkSync(secret, join(links, 'folder'))
  for (const path of ['dangling', 'folder', 'folder/settings.json', 'folder/missing'])
    assert.deepEqual(read(join(links, path)), ['', true], path)
})
