import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { probe } from '../../../../../src/agents/runtimes/claude/probe.ts'
import { fakeAgent } from '../../../../support/fake-agent.ts'
import { tempDir } from '../../../../support/temp.ts'

/** Makes an executable that runs `version` for `--version`, and `auth` for `auth`. */
function program(path: string, version: string, auth = 'exit 1') {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\ncase $1 in --version) ${version} ;; auth) ${auth} ;; esac\n`)
  chmodSync(path, 0o755)
  return path
}
const CURRENT = 'echo "2.1.330 (Claude Code)"'
const PATH = '/usr/bin:/bin'

test('Claude Code is found by FOMULAR_CLAUDE_PATH, on PATH, and in the folders of its installer', async (t) => {
  const home = tempDir(t)
  const local = program(join(home, '.local/bin/claude'), CURRENT)
  const onPath = program(join(home, 'bin/claude'), CURRENT)
  const named = fakeAgent(t)
  const env = { HOME: home, PATH: `relative:${dirname(onPath)}:${PATH}`, FOMULAR_CLAUDE_PATH: named }
  assert.deepEqual(await probe({ env }), {
    name: 'claude',
    found: true,
    path: named,
    version: '2.1.330',
    login: 'logged_in',
  })
  assert.equal((await probe({ env: { ...env, FOMULAR_CLAUDE_PATH: '' } })).path, onPath)
  assert.equal((await probe({ env: { HOME: home, PATH } })).path, local)
})

test('the probe reports whether Claude Code is logged in', async (t) => {
  const home = tempDir(t)
  const login = async (auth: string) => {
    const path = program(join(home, 'claude'), CURRENT, auth)
    return (await probe({ env: { HOME: home, PATH, FOMULAR_CLAUDE_PATH: path } })).login
  }
  assert.equal(await login(`echo '{"loggedIn":true,"loginExpiresAt":null}'`), 'logged_in')
  assert.equal(await login(`echo '{"loggedIn":false}'; exit 1`), 'logged_out')
  assert.equal(await login(`echo '{"loggedIn":true,"loginExpiresAt":"2001-01-01"}'`), 'expired')
  assert.equal(await login('echo no such command; exit 1'), 'unknown')
  assert.equal(await login('echo null'), 'unknown')
})

const banners: Record<string, string> = {
  'a line on stdout': 'echo "Now using node v22.11.0 (npm v10.9.0)"',
  'a line on stderr': 'echo "Now using node v22.11.0 (npm v10.9.0)" >&2',
  'a colored line that names another version': `printf '\\033[32m2.1.1 (Claude Code) is gone\\033[0m\\n'`,
  'a line without a newline': 'printf "loading... "',
}
for (const [what, banner] of Object.entries(banners))
  test(`a wrapper may print text before the program does: ${what}`, async (t) => {
    const auth = `${banner}; echo '{"loggedIn":true}'`
    const path = program(join(tempDir(t), 'claude'), `${banner}; ${CURRENT}`, auth)
    const { version, login, problem } = await probe({ env: { PATH, FOMULAR_CLAUDE_PATH: path } })
    assert.deepEqual(
      { version, login, problem },
      { version: '2.1.330', login: 'logged_in', problem: undefined },
    )
  })

const unusable: Record<string, string> = {
  'a program that fails': 'echo "claude: not installed for this node" >&2; exit 127',
  'a version that is too old': 'echo "2.1.197 (Claude Code)"',
  'a program that hangs': 'exec sleep 60',
  'another program': 'echo v24.0.0',
}
for (const [what, version] of Object.entries(unusable))
  test(`an unusable program does not hide a usable program in a later place: ${what}`, async (t) => {
    const home = tempDir(t)
    const first = program(join(home, 'shims/claude'), version)
    const good = program(join(home, '.local/bin/claude'), CURRENT)
    const env = { HOME: home, PATH: `${dirname(first)}:${PATH}` }
    const found = await probe({ env, timeoutMs: 500 })
    assert.deepEqual([found.path, found.version, found.problem], [good, '2.1.330', undefined])
    assert.equal(found.passed_over?.[0]?.path, first)
    // The probe uses a program that is named explicitly, even if the program is unusable.
    const named = await probe({ env: { ...env, FOMULAR_CLAUDE_PATH: first }, timeoutMs: 500 })
    assert.equal(named.path, first)
    assert.ok(named.problem)
  })

test('the first of several unusable programs is reported', async (t) => {
  const home = tempDir(t)
  const first = program(join(home, 'shims/claude'), 'exit 3')
  program(join(home, '.local/bin/claude'), 'exit 4')
  const found = await probe({ env: { HOME: home, PATH: dirname(first) } })
  assert.deepEqual([found.path, found.passed_over], [first, undefined])
  assert.match(found.problem ?? '', /shims\/claude --version exited with code 3/)
})

test('a FOMULAR_CLAUDE_PATH without a program is reported', async (t) => {
  const home = tempDir(t)
  const found = await probe({ env: { HOME: home, PATH: home, FOMULAR_CLAUDE_PATH: join(home, 'none') } })
  assert.equal(found.found, false)
  assert.match(found.problem ?? '', /FOMULAR_CLAUDE_PATH.*none.*not a program/)
})

test('a Claude Code that is too old is reported', async (t) => {
  const path = program(join(tempDir(t), 'claude'), 'echo "2.1.197 (Claude Code)"')
  const found = await probe({ env: { PATH, FOMULAR_CLAUDE_PATH: path } })
  assert.equal(found.found, true)
  assert.match(found.problem ?? '', /2\.1\.197 is too old/)
  assert.equal(found.login, undefined)
})

const wrong: Record<string, [string, RegExp]> = {
  'another program': ['echo v24.0.0', /does not identify itself as Claude Code/],
  'a program that fails': ['echo "2.1.330 (Claude Code)"; exit 3', /exited with code 3/],
  'a program that prints the reason for its failure': [
    "echo 'env: node: No such file' >&2; exit 127",
    /code 127 \(env: node: No such file\)/,
  ],
  'a program that hangs': ['exec sleep 60', /did not answer within 0.3 s/],
  'a program that reads its input': ['exec cat', /does not identify itself/],
}
for (const [what, [version, problem]] of Object.entries(wrong))
  test(`a wrong program is reported with a remedy: ${what}`, async (t) => {
    const path = program(join(tempDir(t), 'claude'), version)
    const found = await probe({ env: { PATH, FOMULAR_CLAUDE_PATH: path }, timeoutMs: 300 })
    assert.deepEqual([found.found, found.path], [true, path])
    assert.match(found.problem ?? '', problem)
    assert.match(found.problem ?? '', /claude\.ai\/install\.sh/)
  })

for (const signal of ['ABRT', 'KILL'])
  test(`the remedy for a program killed by a limit (SIG${signal}) does not suggest installing it again`, async (t) => {
    const path = program(join(tempDir(t), 'claude'), `kill -${signal} $$`)
    const { problem = '' } = await probe({ env: { PATH, FOMULAR_CLAUDE_PATH: path } })
    assert.match(problem, new RegExp(`cannot be run \\(SIG${signal}\\)\\. .*ulimit -a.*TasksMax=`))
    assert.doesNotMatch(problem, /install/i)
  })

test('a path that is not a usable program is reported: a text file, a folder, an empty script', async (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'file')
  writeFileSync(file, 'text')
  for (const path of [file, dir])
    assert.match((await probe({ env: { PATH, FOMULAR_CLAUDE_PATH: path } })).problem ?? '', /not a program/)
  chmodSync(file, 0o755)
  const found = await probe({ env: { PATH, FOMULAR_CLAUDE_PATH: file } })
  assert.match(found.problem ?? '', /cannot be run|exited with code/)
})
