import assert from 'node:assert/strict'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CommandFailure } from '../../../src/agents/command-failure.ts'
import { claude } from '../../../src/agents/runtimes/claude/index.ts'
import { RepositoryTrust, type Trusting } from '../../../src/agents/trust/repository-trust.ts'
import { TrustedFiles } from '../../../src/agents/trust/trusted-files.ts'
import { AgentSpec } from '../../../src/protocol/index.ts'
import { tempDir } from '../../support/temp.ts'

function put(path: string, text = '{}') {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function machine(t: TestContext) {
  const dir = realpathSync(tempDir(t))
  const cwd = join(dir, 'above/repository/sub')
  const record = join(dir, 'trusted.json')
  mkdirSync(cwd, { recursive: true })
  const trusting = () =>
    new RepositoryTrust({
      permit: (spec) => ({
        spec,
        inherits: () => true,
        startup: { isTrusted: (path) => !path.startsWith(`${dir}/`), others: 'ask' },
      }),
      environment: { HOME: dir },
      trusted: new TrustedFiles(record),
    })
  const agent = (spec: object = {}): Trusting => ({
    record: { spec: AgentSpec.parse({ cwd, ...spec }) },
    run: { program: '/bin/true' },
    runtime: claude,
    launching: {},
    touch: () => {},
  })
  const shown = (spec: object = {}) => {
    const one = agent(spec)
    void trusting().ask(one)
    const files = (one.launching.trust?.input.files ?? []) as { path: string; runs?: string }[]
    return {
      cut: one.launching.trust?.cut,
      files: files.map(({ path }) => path.slice(dir.length + 1)),
      all: files,
    }
  }
  return { dir, cwd, trusting, agent, shown }
}

test('the startup files of a folder, of all its parent folders, and of added folders are shown, but not the files of the user', (t) => {
  const { dir, cwd, shown } = machine(t)
  put(join(dir, '.claude/settings.json'))
  assert.deepEqual(shown().files, [])
  put(join(cwd, '.claude/settings.local.json'))
  put(join(dir, 'above/.mcp.json'))
  put(join(dir, 'above/repository/.claude/skills/one/SKILL.md'), 'Text only.')
  put(join(dir, 'added/.claude/commands/two.md'), 'Run !`id` first.')
  const { files, all } = shown({ add_dirs: [join(dir, 'added')] })
  assert.deepEqual(files, [
    'above/repository/sub/.claude/settings.local.json',
    'above/repository/.claude/skills/one/SKILL.md',
    'above/.mcp.json',
    'added/.claude/commands/two.md',
  ])
  assert.deepEqual(
    all.map(({ runs }) => runs),
    ['{}', undefined, '{}', 'Run !`id` first.'],
  )
})

test('a worktree also has the startup files of its main checkout', (t) => {
  const { dir, cwd, shown } = machine(t)
  put(join(dir, 'main/.git/worktrees/w/commondir'), '../..\n')
  put(join(cwd, '.git'), `gitdir: ${dir}/main/.git/worktrees/w\n`)
  put(join(dir, 'main/.claude/settings.local.json'))
  assert.deepEqual(shown().files, ['main/.claude/settings.local.json'])
})

test('a permission applies only to the shown files, and the next daemon remembers it', async (t) => {
  const { cwd, trusting, agent } = machine(t)
  const settings = join(cwd, '.claude/settings.json')
  put(settings)
  const trust = trusting()
  const [one, two] = [agent(), agent()]
  const asked = [trust.ask(one), trust.ask(two)]
  trust.answer(one, { allow: true })
  assert.deepEqual(await Promise.all(asked), [true, true])
  assert.equal(trusting().ask(agent()), undefined)
  put(settings, '{"hooks":{}}')
  assert.notEqual(trusting().ask(agent()), undefined)
  put(settings)
  put(join(cwd, '.claude/hooks/large.sh'), 'x'.repeat(2 * 1024 * 1024))
  assert.notEqual(trusting().ask(agent()), undefined)
})

test('startup files that changed before a person permitted them are shown again', async (t) => {
  const { cwd, trusting, agent } = machine(t)
  const settings = join(cwd, '.claude/settings.json')
  put(settings)
  const trust = trusting()
  const one = agent()
  const asked = trust.ask(one)
  const before = one.launching.trust?.digest
  put(settings, '{"hooks":{}}')
  assert.throws(() => trust.answer(one, { allow: true }), { message: /have changed/ })
  assert.notEqual(one.launching.trust?.digest, before)
  trust.answer(one, { allow: true })
  assert.equal(await asked, true)
})

test('the error about refused startup files names the policy’s key, and files that changed before the launch are not used', async (t) => {
  const { cwd, trusting, agent } = machine(t)
  put(join(cwd, '.mcp.json'))
  const trust = trusting()
  const one = agent()
  const rule = { isTrusted: () => false, others: 'ask' } as const
  const asked = trust.ask(one)!
  trust.answer(one, { allow: false, message: 'never' })
  await assert.rejects(asked, ({ error }: CommandFailure) => error.path === 'repository_trust')
  assert.throws(() => trust.mayUse(one, { spec: one.record.spec, startup: rule }), { message: /changed/ })
  assert.equal(trust.mayUse(one, { spec: one.record.spec, startup: { ...rule, others: 'ignore' } }), false)
})

test('startup files that cannot be shown as a whole can only be refused', (t) => {
  const { dir, cwd, shown } = machine(t)
  put(join(cwd, '.mcp.json'), ' '.repeat(20_000))
  assert.equal(shown().cut, true)
  put(join(cwd, '.mcp.json'))
  assert.equal(shown().cut, undefined)
  symlinkSync(dir, join(cwd, '.claude'))
  mkdirSync(join(dir, 'hooks/1/2/3/4/5/6/7/8/9'), { recursive: true })
  assert.equal(shown().cut, true)
})
