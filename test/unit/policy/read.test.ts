import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { CurrentPolicy } from '../../../src/policy/current.ts'
import { policyPath, readPolicy } from '../../../src/policy/read.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { tempDir } from '../../support/temp.ts'

function place(t: TestContext) {
  const dir = tempDir(t)
  const file = join(dir, 'policy.toml')
  const write = (text = '') => writeFileSync(file, `version = 1\n${text}`, { mode: 0o600 })
  write()
  const lines: string[] = []
  const clock = new ManualClock()
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const current = (named: string | null = file) =>
    new CurrentPolicy({
      ...{ named: named ?? undefined, env: { HOME: dir }, otherwise: 'careful', logger },
      monotonic: () => clock.monotonic(),
    })
  return { dir, file, write, current, lines, clock }
}

const isRoot = process.getuid?.() === 0

test('a file that other users could have written, or that is not a policy, is never applied', (t) => {
  const { dir, file, write } = place(t)
  const open = join(dir, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  for (const [breakIt, problem] of [
    [() => rmSync(file), /cannot be read: .*ENOENT|does not exist|no such file/i],
    [
      () => chmodSync(file, 0o666),
      /could be changed by others: .*policy\.toml can be written to by every user/,
    ],
    [() => writeFileSync(file, 'version = ['), /is not valid TOML/],
    [() => writeFileSync(file, ''), /must begin with version = 1/],
    [() => writeFileSync(file, 'version = 2'), /must begin with version = 1/],
    [() => write('permision_modes = []'), /unknown key "permision_modes"/],
    [() => write('[folders]\nalow = []'), /unknown key "folders.alow"/],
    [() => write('[folders]\nallow = ["relative"]'), /folders.allow/],
    [() => write(`# ${'x'.repeat(300 * 1024)}`), /longer than 262144 bytes/],
    [() => replace(() => execFileSync('mkfifo', ['-m', '600', file])), /is not a file/],
    [() => replace(() => mkdirSync(file, { mode: 0o700 })), /is not a file/],
    [() => replace(() => symlinkSync('/dev/zero', file)), /could be changed by others|is not a file/],
    [
      () => {
        writeFileSync(join(open, 'target'), 'version = 1\n', { mode: 0o600 })
        replace(() => symlinkSync(join(open, 'target'), file))
      },
      /could be changed by others: .*open can be written to by every user/,
    ],
    ...(isRoot
      ? [[() => chownSync(file, 12345, 0), /could be changed by others: .*belongs to/] as const]
      : []),
  ] as const) {
    breakIt()
    assert.throws(() => readPolicy(file), { code: 'policy_invalid', message: problem })
    replace(() => write())
    readPolicy(file)
  }

  function replace(by: () => void) {
    rmSync(file, { recursive: true, force: true })
    by()
  }
})

test('a dangling link in place of the default policy file is an unreadable policy', (t) => {
  const { dir, current } = place(t)
  const env = { HOME: dir }
  assert.equal(policyPath(undefined, env), undefined)
  mkdirSync(join(dir, '.fomular'))
  const usual = join(dir, '.fomular/policy.toml')
  const policy = new CurrentPolicy({
    named: undefined,
    env,
    otherwise: 'open',
    monotonic: () => 0,
    logger: pino({ enabled: false }),
  })
  assert.equal(policy.state.from, 'default')
  symlinkSync('missing', usual)
  assert.equal(policyPath(undefined, env), usual)
  assert.equal(policy.state.from, 'unreadable')
  assert.equal(current().state.from, 'file')
})

test('a policy stays in force while an editor replaces its file, and for a moment after its deletion', (t) => {
  const { dir, current, clock } = place(t)
  const usual = join(dir, '.fomular/policy.toml')
  mkdirSync(join(dir, '.fomular'))
  const write = (mode: string) =>
    writeFileSync(usual, `version = 1\npermission_modes = ["${mode}"]\n`, { mode: 0o600 })
  write('plan')
  const policy = current(null)
  const modes = () => policy.state.from !== 'unreadable' && policy.state.policy.permission_modes
  assert.deepEqual(modes(), ['plan'])
  renameSync(usual, `${usual}~`)
  assert.deepEqual(modes(), ['plan'])
  write('default')
  assert.deepEqual(modes(), ['default'])
  // The file is briefly missing at each check, and is there again between the checks.
  for (let looks = 0; looks < 3; looks++) {
    renameSync(usual, `${usual}~`)
    assert.deepEqual(modes(), ['default'])
    write('default')
    rmSync(usual)
    clock.pass(10_000)
    assert.deepEqual(modes(), ['default'])
    write('default')
  }
  assert.deepEqual(modes(), ['default'])
  rmSync(usual)
  assert.deepEqual(modes(), ['default'])
  clock.pass(6000)
  assert.equal(policy.state.from, 'default')
})

test('`~` in a policy is the home folder of the user', (t) => {
  const { file, write } = place(t)
  write('[folders]\nallow = ["~", "~/work"]')
  assert.deepEqual(readPolicy(file).folders.allow, [homedir(), join(homedir(), 'work')])
})

test('the policy is read again when its file, a link to the file, or a parent folder changes', (t) => {
  const { dir, file, write, current, lines } = place(t)
  const link = join(dir, 'link')
  symlinkSync(file, link)
  const policy = current(link)
  const modes = () =>
    policy.state.from === 'file' ? policy.state.policy.permission_modes : policy.state.from
  let changes = 0
  policy.events.on('change', () => changes++)
  write('permission_modes = ["plan"]')
  assert.deepEqual(modes(), ['plan'])
  const other = join(dir, 'other.toml')
  writeFileSync(other, 'version = 1\npermission_modes = ["auto"]\n', { mode: 0o600 })
  symlinkSync(other, join(dir, 'new'))
  renameSync(join(dir, 'new'), link)
  assert.deepEqual(modes(), ['auto'])
  chmodSync(dir, 0o777)
  assert.equal(modes(), 'unreadable')
  chmodSync(dir, 0o700)
  assert.deepEqual(modes(), ['auto'])
  assert.equal(changes, 4)
  assert.equal(lines.filter((line) => line.includes('the policy has changed')).length, 4)
  modes()
  assert.equal(changes, 4)
})

test('a policy at an impossible path is unreadable, and is checked again', (t) => {
  const { dir, file, current } = place(t)
  const loop = join(dir, 'loop')
  symlinkSync(loop, loop)
  for (const path of [join(file, 'below'), join(loop, 'policy.toml'), `/${'x'.repeat(5000)}`]) {
    const policy = current(path)
    assert.equal(policy.state.from, 'unreadable', path)
    policy.refresh()
  }
})
