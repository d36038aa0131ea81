// Needs: root
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkStateDir } from '../../src/cli/start/state-dir.ts'
import { VERSION } from '../../src/platform/version.ts'
import { UpdateFailure } from '../../src/update/failure.ts'
import { checkPlace } from '../../src/update/switch/handover.ts'
import { asLeftBefore, machine, toOther } from '../support/foreign-files.ts'
import { PROGRAM } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Returns the record of an update after which this program starts `program` instead of itself. */
const handedOver = (program: string) => ({
  version: 1,
  command_id: 'c',
  origin: 'local',
  requested: '1.0.0',
  from: VERSION,
  stage: 'confirm',
  attempts: 1,
  started_at: '2026-01-01T00:00:00Z',
  outcome: 'succeeded',
  restart_strategy: 'self',
  settled: true,
  handover: { from: PROGRAM, version: VERSION, to: program },
  bad_versions: [],
})

test("no command runs a program that is named in another user's state folder", async (t) => {
  const { dir, stage } = await machine(t)
  const state = join(dir, 'foreign')
  const ran = join(dir, 'ran')
  const program = join(dir, 'theirs.cjs')
  mkdirSync(state, { mode: 0o700 })
  writeFileSync(program, `require('fs').writeFileSync(${JSON.stringify(ran)}, ''); process.exit(0)`, {
    mode: 0o755,
  })
  writeFileSync(join(state, 'update.json'), JSON.stringify(handedOver(program)))
  for (const path of [join(state, 'update.json'), program, state]) toOther(path)
  // Put pipes in the place of compile caches: a command that opened one of them would never end.
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', ['-m', '600', pipe])
  for (const command of ['run', 'up', 'hub']) symlinkSync(pipe, join(state, `compiled-${command}.bin`))
  const given = ['--state-dir', state]
  const commands = [
    ['run', '--server-url', 'ws://127.0.0.1:9', '--key', 'k'],
    ['up', '--port', '0'],
    ['status'],
    ['doctor'],
    ['logs'],
    ['stop'],
    ['restart'],
  ]
  for (const command of commands) {
    const running = stage.run([...command, ...given])
    assert.notEqual(await running.ended, 0, command.join(' '))
    assert.equal(existsSync(ran), false, command.join(' '))
  }
  const said = stage.run(['doctor', ...given])
  await said.ended
  assert.match(said.log(), /foreign belongs to/)
  // Another user's program is also refused if the folder itself belongs to root.
  for (const command of ['run', 'up', 'hub']) rmSync(join(state, `compiled-${command}.bin`))
  chownSync(state, 0, 0)
  chownSync(join(state, 'update.json'), 0, 0)
  const own = stage.run(['run', '--server-url', 'ws://127.0.0.1:9', '--key', 'k', ...given])
  await until(() => own.log().includes('daemon started'), { what: 'the daemon' })
  assert.equal(existsSync(ran), false)
})

test('if `modes.json` tolerates that others can change an updated program, the program runs, with a warning', async (t) => {
  const { dir, state, stage } = await machine(t)
  const shared = join(dir, 'shared')
  const ran = join(dir, 'ran')
  const program = join(shared, 'updated.cjs')
  mkdirSync(shared)
  writeFileSync(program, `require('fs').writeFileSync(${JSON.stringify(ran)}, ''); process.exit(0)`)
  mkdirSync(state, { recursive: true, mode: 0o700 })
  writeFileSync(join(state, 'update.json'), JSON.stringify(handedOver(program)))
  asLeftBefore(state)
  const tolerated = (by: string, ...open: string[]) =>
    writeFileSync(join(state, 'modes.json'), JSON.stringify({ version: 1, by, open }))
  const env = { FOMULAR_STATE_DIR: state }
  const daemon = (more = {}) =>
    stage.run(['run', '--server-url', 'ws://127.0.0.1:9', '--key', 'k'], { ...env, ...more })
  const runs = async (more?: object) => {
    assert.equal(await daemon(more).ended, 0)
    assert.equal(existsSync(ran), true)
    rmSync(ran)
  }
  const told = /(shared|updated\.cjs) can be written to by every user: it decides what this program runs/
  const isLeft = async (words = told) => {
    const own = daemon()
    await until(() => own.log().includes('daemon started'), { what: 'the daemon' })
    assert.match(own.log(), words)
    assert.equal(existsSync(ran), false)
    own.kill('SIGTERM')
    await own.ended
  }
  await runs()
  chmodSync(shared, 0o777)
  await runs()
  const doctor = stage.run(['doctor'], env)
  await doctor.ended
  assert.match(doctor.log(), told)
  tolerated(VERSION, shared)
  await runs()
  // Without `modes.json`, this version counts as the first version that checks modes, and writes the file
  // itself.
  rmSync(join(state, 'modes.json'))
  const { remember } = checkStateDir(state, [], true)
  remember()
  assert.deepEqual(JSON.parse(readFileSync(join(state, 'modes.json'), 'utf8')).open, [shared])
  tolerated('0.0.1', shared)
  await isLeft()
  await runs({ FOMULAR_STRICT_MODES: 'false' })
  chmodSync(shared, 0o755)
  chmodSync(program, 0o666)
  tolerated(VERSION, shared)
  await isLeft()
  chmodSync(program, 0o644)
  await runs()
  toOther(shared)
  await isLeft(/shared belongs to .*: it decides what this program runs\. Use another/)
  // The program does not install updates into such a folder either.
  chownSync(shared, 0, 0)
  const refused = (path: string) => (error: unknown) =>
    error instanceof UpdateFailure && error.error.code === 'update_refused' && error.message.startsWith(path)
  checkPlace(shared, state, {})
  chmodSync(shared, 0o777)
  checkPlace(shared, state, {})
  tolerated(VERSION)
  assert.throws(() => checkPlace(shared, state, {}), refused(shared))
  checkPlace(shared, state, { FOMULAR_STRICT_MODES: 'false' })
})

test('another user’s programs and certificates cause a warning, and doctor does not run the programs', async (t) => {
  const { dir, stage, state, accepted } = await machine(t)
  const theirs = join(dir, 'theirs')
  const ran = join(dir, 'ran')
  const claude = join(theirs, 'claude')
  const certificates = join(theirs, 'ca.pem')
  mkdirSync(theirs)
  writeFileSync(claude, `#!/bin/sh\ntouch ${ran}\necho "2.1.330 (Claude Code)"\n`, { mode: 0o755 })
  writeFileSync(certificates, '')
  for (const path of [claude, certificates]) toOther(path)
  const ways: Record<string, string>[] = [
    { FOMULAR_CLAUDE_PATH: claude },
    { FOMULAR_CLAUDE_PATH: '', PATH: `${theirs}:${process.env.PATH}` },
    { NODE_EXTRA_CA_CERTS: certificates },
    { SSL_CERT_FILE: certificates },
  ]
  for (const env of ways) {
    const path = env.FOMULAR_CLAUDE_PATH === undefined ? certificates : claude
    const told = new RegExp(`${path} belongs to nobody .* there\\.\\s.*chown 0 ${path}`, 's')
    assert.match(await accepted(['run'], env), told)
    rmSync(ran, { force: true })
    const doctor = stage.run(['doctor', '--state-dir', state], env)
    await doctor.ended
    assert.match(doctor.log(), told)
    assert.equal(existsSync(ran), false)
  }
  chmodSync(claude, 0o777)
  chownSync(claude, 0, 0)
  assert.match(
    await accepted(['run'], { FOMULAR_CLAUDE_PATH: claude }),
    /claude can be written to by every user, .* Run chmod o-w/,
  )
})

test('a daemon starts and ends normally even if a pipe is in the place of one of its files', async (t) => {
  const { dir, home, config, key, stage, refused, accepted } = await machine(t)
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', ['-m', '600', pipe])
  await accepted(['run', '--ca-file', pipe])
  assert.match(await refused(['run', '--key-file', pipe]), /pipe\) is empty/)
  for (const path of [key, config]) {
    rmSync(path)
    symlinkSync(pipe, path)
    await refused()
  }
  const hub = stage.run(['hub', '--port', '0', '--tls-cert', pipe, '--tls-key', pipe], { HOME: home })
  assert.equal(await hub.ended, 2)
  assert.match(hub.log(), /pipe cannot be read: it is not a PEM file/)
})
