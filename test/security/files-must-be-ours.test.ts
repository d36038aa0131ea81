// Needs: root, curl, mount, unshare
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { examine } from '../../src/cli/doctor/examine.ts'
import { connectDaemon } from '../../src/cli/local/index.ts'
import { checkStateDir } from '../../src/cli/state-dir.ts'
import { judge } from '../../src/config/ownership-policy.ts'
import { faultsOf } from '../../src/platform/ownership.ts'
import { VERSION } from '../../src/platform/version.ts'
import { UpdateFailure } from '../../src/update/failure.ts'
import { peekRecord, writeRecord } from '../../src/update/record.ts'
import { checkPlace } from '../../src/update/switch/handover.ts'
import { putStandIn } from '../../src/update/switch/place.ts'
import { standIn } from '../../src/update/switch/trial.ts'
import { asUser } from '../support/as-user.ts'
import { certificates } from '../support/certificates.ts'
import { box, SHELLS } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'
import { shellWithClaude } from '../support/shell-with-claude.ts'
import { freePort, PROGRAM, Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const NOBODY = 65534
/** A user other than root and the user of the tests. */
const toOther = (path: string) => chownSync(path, NOBODY, NOBODY)

/** A home with a configuration and a key, for a server that does not run. */
async function machine(t: Cleanup) {
  const stage = await Stage.open(t)
  const home = join(stage.dir, 'home')
  const at = { home, config: join(home, '.fomular/config.toml'), key: join(home, '.fomular/key') }
  mkdirSync(join(home, '.fomular'), { mode: 0o700 })
  writeFileSync(at.key, 'a-key\n', { mode: 0o600 })
  writeFileSync(at.config, `server_url = "ws://127.0.0.1:${await freePort()}"\nkey_file = "key"\n`, {
    mode: 0o600,
  })
  const env = { FOMULAR_STATE_DIR: '' }
  const run = (args: string[] = ['run'], more: Record<string, string> = {}) =>
    stage.run(args, { ...env, ...more })
  /** Starts a daemon that must fail. @returns its output */
  const refused = async (args?: string[], more?: Record<string, string>) => {
    const daemon = run(args, more)
    assert.equal(await daemon.ended, 2, daemon.log())
    return daemon.log()
  }
  /** Starts a daemon that must run, and stops it. @returns its log */
  const accepted = async (args?: string[], more?: Record<string, string>) => {
    const daemon = run(args, more)
    const started = until(() => daemon.log().includes('daemon started'), { what: 'the daemon' })
    const ended = daemon.ended.then((code) => Promise.reject(new Error(`ended with ${code}`)))
    ended.catch(() => {})
    await Promise.race([started, ended]).catch((error) => {
      throw new Error(`${error.message}\n${daemon.log()}`)
    })
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
    return daemon.log()
  }
  return { ...at, state: join(home, '.fomular/state'), dir: stage.dir, stage, refused, accepted }
}

test('another user’s configuration, key, state folder, or parent folder is refused with a remedy', async (t) => {
  const { config, key, home, state, refused, accepted } = await machine(t)
  await accepted()
  for (const path of [config, key, state, home]) {
    toOther(path)
    const said = await refused()
    assert.match(said, /belongs to \w+ \(user 65534\), who is not root/)
    assert.match(said, new RegExp(`chown 0 ${path}\\b`))
    assert.match(said, /FOMULAR_STRICT_MODES=false/)
    chownSync(path, 0, 0)
  }
  await accepted()
})

test('a new installation refuses files and folders that every user can write to', async (t) => {
  const { config, home, state, refused, accepted } = await machine(t)
  chmodSync(config, 0o666)
  assert.match(await refused(), /config\.toml can be written to by every user.*\n.*chmod o-w/)
  chmodSync(config, 0o600)
  chmodSync(home, 0o777)
  assert.match(await refused(), /chmod o-w/)
  assert.equal(existsSync(state), false)
  // Like /tmp, where a user can rename only their own files.
  chmodSync(home, 0o1777)
  await accepted()
})

/** Makes a state folder look like one of a version that does not check for other writers. */
function asLeftBefore(state: string) {
  rmSync(join(state, 'modes.json'), { force: true })
  writeFileSync(join(state, 'format.json'), '{"version":1,"format":1}')
}

test('an older installation gets a warning about its modes, and the next version refuses them', async (t) => {
  const { config, state, refused, accepted } = await machine(t)
  await accepted()
  // As the previous version left it.
  const record = join(state, 'modes.json')
  chmodSync(config, 0o666)
  assert.match(await refused(), /can be written to by every user/)
  asLeftBefore(state)
  assert.match(
    await accepted(),
    /config\.toml can be written to by every user; the next version will refuse this: chmod o-w/,
  )
  assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')), { version: 1, by: VERSION, open: [config] })
  assert.match(await accepted(), /the next version will refuse this/)
  writeFileSync(record, JSON.stringify({ version: 1, by: '0.0.1', open: [config] }))
  assert.match(await refused(), /can be written to by every user/)
  chmodSync(config, 0o600)
  await accepted()
})

test('a neighbor who can write to the folder cannot make it look previously used or tolerated', (t) => {
  const dir = join(tempDir(t), 'state')
  const known = join(dir, 'format.json')
  const record = join(dir, 'modes.json')
  const content = (by: string) => JSON.stringify({ version: 1, format: 1, by, open: [dir] })
  const isRefused = () => {
    const { refused } = judge(dir, { faults: [], strict: true })
    return refused.some(({ path }) => path === dir)
  }
  const anew = () => {
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir)
    chmodSync(dir, 0o777)
  }
  const own = join(dirname(dir), 'own')
  writeFileSync(own, content('99.0.0'))
  for (const path of [known, record]) {
    const plant = [
      () => writeFileSync(path, content('99.0.0')),
      () => mkdirSync(path),
      () => symlinkSync(own, path),
      () => execFileSync('mkfifo', [path]),
    ]
    for (const put of plant) {
      anew()
      put()
      lchownSync(path, NOBODY, NOBODY)
      assert.ok(isRefused(), `${path}: ${put}`)
    }
  }
  anew()
  // Everyone can rename the files of this user's other programs in the folder.
  writeFileSync(known, '{}')
  assert.ok(isRefused())
  asLeftBefore(dir)
  assert.equal(isRefused(), false)
})

test('a mode that was tolerated once is refused after a neighbor deletes the record', async (t) => {
  const { config, state, refused, accepted } = await machine(t)
  await accepted()
  asLeftBefore(state)
  chmodSync(config, 0o666)
  await accepted()
  for (const names of [['modes.json'], ['modes.json', 'format.json'], ['machine.json', 'modes.json']]) {
    const kept = names.map((name) => [join(state, name), readFileSync(join(state, name))] as const)
    for (const [path] of kept) rmSync(path)
    assert.match(await refused(), /config\.toml can be written to by every user/)
    for (const [path, content] of kept) writeFileSync(path, content)
  }
  await accepted()
  // A hub's folder is refused too.
  const stage = await Stage.open(t)
  const hub = join(stage.state, 'hub')
  const start = () => stage.run(['hub', '--port', '0'])
  const first = start()
  await until(() => existsSync(join(hub, 'hub.json')), { what: 'the hub' })
  first.kill('SIGTERM')
  await first.ended
  rmSync(join(hub, 'modes.json'))
  chmodSync(hub, 0o777)
  assert.equal(await start().ended, 2)
})

test('another user’s files in a state folder are refused, agents’ folders too, and doctor names them', async (t) => {
  const { state, stage, refused, accepted } = await machine(t)
  await accepted()
  const agent = join(state, 'agents/an-agent')
  mkdirSync(agent)
  const elsewhere = join(dirname(state), 'elsewhere')
  mkdirSync(elsewhere)
  symlinkSync(elsewhere, join(state, 'agents/a-link'))
  for (const path of [agent, elsewhere, join(state, 'agents'), join(state, 'runtimes.json')]) {
    if (!existsSync(path)) writeFileSync(path, '{}')
    toOther(path)
    const told = new RegExp(`${path} belongs to nobody`)
    assert.match(await refused(), told)
    const doctor = stage.run(['doctor', '--state-dir', state])
    await doctor.ended
    assert.match(doctor.log(), told)
    if (path !== elsewhere)
      assert.match(doctor.log(), new RegExp(`chown -R -h 0 ${state}\\. If not, delete it`))
    assert.match(await accepted(['run', '--strict-modes', 'false']), told)
    // As the remedy says; a folder that belongs to no agent has been set aside in the meantime.
    execFileSync('chown', ['-R', '-h', '0', state])
    chownSync(elsewhere, 0, 0)
  }
  await accepted()
  // Another user's hub is judged against its own user.
  mkdirSync(join(state, 'hub'))
  toOther(join(state, 'hub'))
  await accepted()
})

test('a later version’s tolerance lasts as long as if this version had been the first', async (t) => {
  const { config, state, accepted } = await machine(t)
  await accepted()
  const record = join(state, 'modes.json')
  chmodSync(config, 0o666)
  writeFileSync(record, JSON.stringify({ version: 1, by: '99.0.0', open: [config] }))
  assert.match(await accepted(), /the next version will refuse this/)
  assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')), { version: 1, by: VERSION, open: [config] })
})

/** Puts this version on trial in a state folder, as the previous version would. */
function putOnTrialIn(state: string, dir: string) {
  const root = join(dir, 'installed')
  const trial = {
    id: 'a-trial',
    layout: 'package' as const,
    root,
    program: 'program.cjs',
    next: join(root, '.update/next'),
    previous: join(root, '.update/previous.cjs'),
    entry: join(root, 'program.cjs'),
    previous_entry: join(root, 'program.cjs'),
    args: [],
    confirm_ms: 300_000,
  }
  mkdirSync(trial.next, { recursive: true })
  for (const path of [join(trial.next, trial.program), trial.previous]) writeFileSync(path, '')
  putStandIn(trial, standIn(trial, state, false))
  const record = {
    version: 1 as const,
    command_id: 'an-update',
    origin: 'local' as const,
    requested: VERSION,
    from: '0.0.1',
    to: VERSION,
    stage: 'relaunch' as const,
    attempts: 1,
    started_at: '2026-01-01T00:00:00Z',
    restart_strategy: 'supervisor_required' as const,
    trial,
    settled: false,
    bad_versions: [],
  }
  mkdirSync(state, { recursive: true, mode: 0o700 })
  writeRecord(state, record)
  return { FOMULAR_DAEMON_ON_TRIAL: '1', FOMULAR_DAEMON_NO_SELF_RELAUNCH: '1' }
}

test('a version on trial records its tolerance once the update has succeeded', async (t) => {
  const stage = await Stage.open(t)
  const record = join(stage.state, 'modes.json')
  const hub = await stage.hub()
  hub.kill('SIGTERM')
  await hub.ended
  chmodSync(stage.state, 0o777)
  asLeftBefore(stage.state)
  const daemon = stage.run(stage.daemonArgs(), putOnTrialIn(stage.state, stage.dir))
  await until(() => daemon.log().includes('on trial until'), { what: 'the trial' })
  assert.match(daemon.log(), /the next version will refuse this/)
  assert.equal(existsSync(record), false)
  await stage.hub()
  await until(() => existsSync(record), { what: 'the record' })
  assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')), { version: 1, by: VERSION, open: [stage.state] })
})

test('the hub of a version on trial records its tolerance once the update has succeeded', async (t) => {
  const stage = await Stage.open(t)
  const folders = [stage.state, join(stage.state, 'hub')]
  const env = putOnTrialIn(stage.state, stage.dir)
  stage.run(['up', '--port', String(stage.port)], env)
  await until(() => folders.every((dir) => existsSync(join(dir, 'modes.json'))), { what: 'both records' })
})

test('an installation whose owners and modes cannot be changed can allow them, but not for a file that others can change', async (t) => {
  const { config, home, refused, accepted } = await machine(t)
  chmodSync(config, 0o666)
  writeFileSync(config, `${readFileSync(config, 'utf8')}strict_modes = false\n`)
  await refused()
  assert.match(await accepted(['run', '--strict-modes', 'false']), /can be written to by every user/)
  await accepted(['run'], { FOMULAR_STRICT_MODES: 'false' })
  chmodSync(config, 0o600)
  chmodSync(home, 0o777)
  // The file itself is in a folder that others can write to.
  await refused()
  toOther(home)
  await accepted(['run'], { FOMULAR_STRICT_MODES: 'false' })
})

/** The record of an update to another program, to which this one must hand over. */
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

test("no command runs a program that another user's state folder names", async (t) => {
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
  // Root's pipe in place of the program's compile cache would block every reader.
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
  // Root's own folder does not make another user's program acceptable.
  for (const command of ['run', 'up', 'hub']) rmSync(join(state, `compiled-${command}.bin`))
  chownSync(state, 0, 0)
  chownSync(join(state, 'update.json'), 0, 0)
  const own = stage.run(['run', '--server-url', 'ws://127.0.0.1:9', '--key', 'k', ...given])
  await until(() => own.log().includes('daemon started'), { what: 'the daemon' })
  assert.equal(existsSync(ran), false)
})

test('an updated program that others can change runs with a warning while that is tolerated', async (t) => {
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
  // That version is the first to check, and records the result itself.
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
  // No update is installed there either.
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

test('a pipe in place of a file does not keep a daemon from starting or ending', async (t) => {
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

test('an enrollment refuses files and folders that others can change', async (t) => {
  const { home, config, stage } = await machine(t)
  const enroll = () => {
    const env = { HOME: home, FOMULAR_ENROLL_TOKEN: 'token', FOMULAR_STATE_DIR: '' }
    return stage.run(['enroll', '--server-url', stage.hubUrl, '--config', join(home, 'new/config.toml')], env)
  }
  chmodSync(home, 0o777)
  const open = enroll()
  assert.equal(await open.ended, 2)
  assert.match(open.log(), /chmod o-w/)
  assert.equal(existsSync(join(home, 'new')), false)
  assert.equal(existsSync(config), true)
})

test('a hub refuses a folder that others can change, and makes an empty one private', async (t) => {
  const stage = await Stage.open(t)
  const dir = join(stage.dir, 'volume')
  mkdirSync(dir)
  // A new volume of a container.
  chmodSync(dir, 0o777)
  const start = () => stage.run(['hub', '--port', '0', '--data-dir', dir])
  const first = start()
  await until(() => existsSync(join(dir, 'hub.json')), { what: 'the hub' })
  assert.equal(statSync(dir).mode & 0o777, 0o700)
  first.kill('SIGTERM')
  await first.ended
  chmodSync(dir, 0o777)
  const second = start()
  assert.equal(await second.ended, 2)
  assert.match(second.log(), /volume can be written to by every user/)
})

test('a path is as safe as every folder and link on it', (t) => {
  const dir = tempDir(t)
  const own = join(dir, 'own')
  mkdirSync(join(own, 'state'), { recursive: true })
  assert.deepEqual(faultsOf(join(own, 'state')), [])
  assert.deepEqual(faultsOf(join(own, 'not/there/yet')), [])
  const shared = join(dir, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o777)
  symlinkSync(join(own, 'state'), join(shared, 'link'))
  const kinds = (path: string) => faultsOf(path).map(({ path, kind }) => [path, kind])
  assert.deepEqual(kinds(join(shared, 'link')), [[shared, 'mode']])
  symlinkSync('shared/link', join(dir, 'second'))
  assert.deepEqual(kinds(join(dir, 'second/further')), [[shared, 'mode']])
  chmodSync(shared, 0o1777)
  assert.deepEqual(kinds(join(dir, 'second')), [])
  // This does not make the folder itself safe: everyone can put files into it.
  assert.deepEqual(kinds(shared), [[shared, 'mode']])
  lchownSync(join(shared, 'link'), NOBODY, NOBODY)
  assert.deepEqual(kinds(join(dir, 'second')), [[join(shared, 'link'), 'owner']])
})

test('a group counts as this user if it has no other member', (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'config.toml')
  writeFileSync(file, '')
  const kindsOf = (gid: number, user = 0) => {
    chownSync(file, user, gid)
    chmodSync(file, 0o660)
    return faultsOf(file, user).map(({ kind }) => kind)
  }
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':').slice(2, 4).map(Number))
  const ofGroup = (gid: number) => accounts.filter(([, group]) => group === gid).map(([uid]) => uid!)
  const [alone] = accounts.find(([uid = 0, gid = 0]) => uid > 0 && gid === uid && ofGroup(gid).length === 1)!
  assert.deepEqual(kindsOf(0), [])
  assert.deepEqual(kindsOf(alone!), ['mode'])
  assert.deepEqual(kindsOf(alone!, alone), [])
  // A group without a name: a container's volume, or another user's group.
  assert.deepEqual(kindsOf(61_234), ['mode'])
  const module = new URL('../../src/platform/ownership.ts', import.meta.url)
  const look = `import { faultsOf } from ${JSON.stringify(module)}; console.log(faultsOf(${JSON.stringify(file)}).length)`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', look], { gid: 61_234 })
  assert.equal(String(said).trim(), '0')
})

test("root's group counts as this user if no other member can log in", (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'config.toml')
  writeFileSync(file, '')
  chmodSync(file, 0o660)
  const look = `import { faultsOf } from 'SRC/platform/ownership.ts'; console.log(faultsOf(${JSON.stringify(file)}).length)`
  const ROOT = 'root:x:0:0::/root:/bin/sh'
  const faults = (passwd: string[], members = '', ids = { uid: 0, gid: 0 }) => {
    writeFileSync(join(dir, 'passwd'), `${[ROOT, ...passwd].join('\n')}\n`)
    writeFileSync(join(dir, 'group'), `root:x:0:${members}\n`)
    const bind = 'for name in passwd group; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@"'
    return Number(asUser(ids, look, ['unshare', '--mount', 'sh', '-euc', bind, dir]))
  }
  // RHEL's accounts.
  const services = [
    'sync:x:5:0::/sbin:/bin/sync',
    'halt:x:7:0::/sbin:/sbin/halt',
    'operator:x:11:0::/root:/sbin/nologin',
  ]
  assert.equal(faults(services, 'root,operator'), 0)
  assert.equal(faults([...services, 'eve:x:1001:0::/home/eve:/bin/bash']), 1)
  assert.equal(faults([...services, 'eve:x:1001:0::/home/eve:']), 1)
  assert.equal(faults(['eve:x:1001:1001::/home/eve:/bin/bash'], 'eve'), 1)
  // Accounts of a directory service, which may let them log in.
  assert.equal(faults(services, 'somebody'), 1)
  chmodSync(dir, 0o755)
  assert.equal(faults(['eve:x:1001:0::/home/eve:/bin/bash'], '', { uid: 1001, gid: 0 }), 0)
  assert.equal(faults(['app:x:1001:0::/app:/bin/bash'], '', { uid: 12_345, gid: 0 }), 0)
  assert.equal(faults(['eve:x:1001:0::/home/eve:/bin/bash'], '', { uid: 12_345, gid: 12_345 }), 1)
})

test("root's volume with root's group is accepted, as Kubernetes mounts it", (t) => {
  const volume = join(tempDir(t), 'volume')
  mkdirSync(volume)
  chmodSync(dirname(volume), 0o755)
  const ids = { uid: 12_345, gid: 61_234 }
  const use = `
    import { ensurePrivateDir } from 'SRC/platform/files.ts'
    import { faultsOf } from 'SRC/platform/ownership.ts'
    import { checkOwner } from 'SRC/config/server-owner.ts'
    import { keepIdentity, keptIdentity } from 'SRC/config/kept-identity.ts'
    const volume = ${JSON.stringify(volume)}
    const outcome = () => {
      try {
        checkOwner(1, 'ws://127.0.0.1:9', { file: volume + '/servers.json', notice() {} })
        const key = { key: 'k', file: volume + '/key' }
        keepIdentity(key, 'm', volume)
        ensurePrivateDir(volume)
        return [faultsOf(volume).length, keptIdentity(key)?.machine_id].join()
      } catch (error) {
        return error.code
      }
    }
    console.log(outcome())
  `
  chownSync(volume, 0, ids.gid)
  chmodSync(volume, 0o2775)
  assert.equal(asUser(ids, use).trim(), '0,m')
  const examined = `
    import { checkFolder } from 'SRC/cli/doctor/state.ts'
    const dir = ${JSON.stringify(volume)}
    console.log((await checkFolder({ dir, agents: dir + '/agents' })).map(({ level }) => level).join())
  `
  assert.equal(asUser(ids, examined).trim(), 'ok')
  // The state folder records the server's owner.
  assert.equal(asUser(ids, use.replace('checkOwner(1', 'checkOwner(2')).trim(), 'server_foreign')
  chmodSync(volume, 0o2755)
  assert.equal(asUser(ids, use).trim(), 'server_foreign')
  assert.equal(asUser(ids, use.replace(/.*checkOwner\(.*/, '')).trim(), 'folder_unusable')
})

test('a new version reports before its start that it would refuse the state folder', async (t) => {
  const { state, config, key, accepted, home, stage } = await machine(t)
  await accepted()
  const problems = async (env: Record<string, string> = {}): Promise<string> => {
    const check = stage.run(['self-check', '--state-dir', state], env)
    assert.equal(await check.ended, 0)
    const said = JSON.parse(check.log())
    assert.equal(said.ok, said.problems.length === 0)
    return said.problems.join()
  }
  toOther(home)
  assert.match(await problems(), /chown 0 .* FOMULAR_STRICT_MODES=false/)
  assert.equal(await problems({ FOMULAR_STRICT_MODES: 'false' }), '')
  chownSync(home, 0, 0)
  assert.equal(await problems(), '')
  const ofHome = { HOME: home, FOMULAR_STATE_DIR: '' }
  for (const path of [config, key]) {
    toOther(path)
    assert.match(await problems(ofHome), new RegExp(`${path} belongs to`))
    // A daemon with another configuration reports it.
    writeFileSync(join(home, 'other.toml'), '', { mode: 0o600 })
    assert.equal(await problems({ ...ofHome, FOMULAR_CONFIG: join(home, 'other.toml') }), '')
    chownSync(path, 0, 0)
  }
  assert.equal(await problems(ofHome), '')
})

test('a refused version on trial tells the previous version why', async (t) => {
  const { key, dir, home, stage } = await machine(t)
  const foreign = join(dir, 'foreign.toml')
  writeFileSync(foreign, '')
  mkdirSync(join(stage.state, 'hub'), { recursive: true, mode: 0o700 })
  for (const [path, args] of [
    [foreign, ['run', '--config', foreign]],
    [key, ['run', '--key-file', key]],
    [foreign, ['up', '--config', foreign]],
    [join(stage.state, 'hub'), ['up']],
  ] as const) {
    const env = putOnTrialIn(stage.state, stage.dir)
    toOther(path)
    const daemon = stage.run([...args], { ...env, HOME: home })
    assert.equal(await daemon.ended, 75, daemon.log())
    const { outcome, error } = peekRecord(stage.state)!
    assert.equal(outcome, 'failed')
    assert.match(error!.message, new RegExp(`^Version ${VERSION} did not start\\. ${path} belongs to`))
    assert.match(error!.remedy!, /chown 0/)
    chownSync(path, 0, 0)
  }
  // Nothing is written into a folder that another user can change.
  const env = putOnTrialIn(stage.state, stage.dir)
  toOther(stage.state)
  assert.equal(await stage.run(['run', '--config', foreign], env).ended, 75)
  chownSync(stage.state, 0, 0)
  assert.equal(peekRecord(stage.state)!.outcome, undefined)
})

test('certificates that the daemon trusts are checked too', async (t) => {
  const { home, stage, refused, accepted } = await machine(t)
  const authority = join(home, 'authority.pem')
  writeFileSync(authority, '')
  const given = ['run', '--ca-file', authority]
  await accepted(given)
  toOther(authority)
  assert.match(await refused(given), /authority\.pem belongs to/)
  const token = { HOME: home, FOMULAR_ENROLL_TOKEN: 'token' }
  const enrolling = stage.run(
    ['enroll', '--server-url', 'https://127.0.0.1:9', '--ca-file', authority],
    token,
  )
  assert.equal(await enrolling.ended, 2)
  assert.match(enrolling.log(), /authority\.pem belongs to/)
})

test("a hub's certificate with another owner, who may renew it, causes a warning before it is refused", async (t) => {
  const stage = await Stage.open(t)
  const { certificate, key } = certificates(stage.dir, ['127.0.0.1'])
  toOther(certificate)
  const args = ['hub', '--port', '0', '--tls-cert', certificate, '--tls-key', key]
  const fresh = stage.run(args)
  assert.equal(await fresh.ended, 2)
  assert.match(fresh.log(), /belongs to nobody/)
  const record = join(stage.state, 'hub/modes.json')
  mkdirSync(dirname(record), { recursive: true, mode: 0o700 })
  asLeftBefore(dirname(record))
  const again = stage.run(args)
  await until(() => again.log().includes('the next version will refuse this'), { what: 'the warning' })
  again.kill('SIGTERM')
  await again.ended
  writeFileSync(record, JSON.stringify({ version: 1, by: '0.0.1', open: [certificate] }))
  assert.equal(await stage.run(args).ended, 2)
})

test('the installer writes nothing into another user’s folder, and runs nothing from it', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const { home, prefix, run } = box(t, server)
  assert.equal((await run()).code, 0)
  const elsewhere = tempDir(t)
  const move = (name: string) => {
    renameSync(join(prefix, name), join(elsewhere, name))
    symlinkSync(join(elsewhere, name), join(prefix, name))
    toOther(join(elsewhere, name))
  }
  const back = (name: string) => {
    rmSync(join(prefix, name))
    renameSync(join(elsewhere, name), join(prefix, name))
    chownSync(join(prefix, name), 0, 0)
  }
  const calls = () => readFileSync(join(home, 'calls'), { encoding: 'utf8', flag: 'a+' })
  const before = calls()
  const refuses = async (path: string) => {
    for (const args of [[], ['--uninstall']]) {
      const { code, err } = await run(args)
      assert.equal(code, 1, path)
      assert.match(err, new RegExp(`^error: ${path} belongs to another user.*\n.*FOMULAR_STRICT_MODES=false`))
    }
  }
  for (const path of [
    home,
    prefix,
    join(prefix, 'versions'),
    join(prefix, 'bin'),
    join(prefix, 'versions/1.0.0'),
  ]) {
    toOther(path)
    await refuses(path)
    chownSync(path, 0, 0)
  }
  for (const name of ['versions', 'bin']) {
    move(name)
    await refuses(join(elsewhere, name))
    back(name)
  }
  for (const link of ['current', 'bin/fomular-daemon']) {
    lchownSync(join(prefix, link), NOBODY, NOBODY)
    await refuses(join(prefix, link))
    lchownSync(join(prefix, link), 0, 0)
  }
  assert.equal(calls(), before)
  toOther(prefix)
  assert.equal((await run([], { env: { SUDO_UID: '1' } })).code, 1)
  // A caller of sudo is root already; so is the owner of a Mac, who owns /usr/local/bin.
  const ways: Record<string, string>[] = [{ SUDO_UID: String(NOBODY) }, { FOMULAR_STRICT_MODES: 'false' }]
  for (const env of ways) assert.equal((await run([], { env })).code, 0)
})

test('the installer refuses a place below a folder that others can write to, and warns during an upgrade', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  for (const shell of SHELLS) {
    const { home, prefix, run } = box(t, server)
    const open = join(home, 'open')
    mkdirSync(open)
    const given = ['--prefix', join(open, 'f')]
    const outcome = async (mode: number, group = 0) => {
      chownSync(open, 0, group)
      chmodSync(open, mode)
      const { code, err } = await run([...given, '--dry-run'], { shell })
      return [code, err.includes(`Other users can write to ${open},`)]
    }
    const refused = [1, true]
    assert.deepEqual(await outcome(0o777), refused, shell[0])
    assert.deepEqual(await outcome(0o775, NOBODY), refused, shell[0])
    // Root's group counts as root.
    assert.deepEqual(await outcome(0o775), [0, false], shell[0])
    if (shell !== SHELLS[0]) continue
    // In a sticky folder, users can replace only their own files.
    assert.deepEqual(await outcome(0o1777), [0, false], shell[0])
    // In a parent folder, and behind a link.
    symlinkSync(join(open, 'f'), join(home, 'link'))
    chmodSync(open, 0o777)
    const linked = await run(['--prefix', join(home, 'link')], { shell })
    assert.equal(linked.code, 1, shell[0])
    const forced = { shell, env: { FOMULAR_STRICT_MODES: 'false' } }
    assert.equal((await run([...given, '--dry-run'], forced)).code, 0, shell[0])

    chmodSync(open, 0o755)
    assert.equal((await run(given, { shell })).code, 0, shell[0])
    chmodSync(open, 0o777)
    const again = await run(given, { shell })
    assert.equal(again.code, 0, shell[0])
    assert.match(again.err, /^! Other users can write to .*open, .*chmod go-w/m)
    assert.equal((await run([...given, '--uninstall'], { shell })).code, 0, shell[0])
    assert.equal(existsSync(prefix), false)
  }
})

test('the installer writes nothing through a neighbor’s files in a shared folder', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const { home, run } = box(t, server)
  const share = join(home, '.local/share')
  const victim = join(home, 'victim')
  writeFileSync(victim, 'precious')
  const fish = join(share, 'fish/vendor_completions.d')
  mkdirSync(fish, { recursive: true })
  symlinkSync(victim, join(fish, 'fomular-daemon.fish.new'))
  mkdirSync(join(home, 'elsewhere'))
  mkdirSync(join(share, 'bash-completion'))
  symlinkSync(join(home, 'elsewhere'), join(share, 'bash-completion/completions'))
  for (const path of ['fish', 'bash-completion', 'fish/vendor_completions.d']) toOther(join(share, path))
  const neighbors = await run()
  assert.equal(neighbors.code, 0, neighbors.err)
  assert.match(
    neighbors.err,
    /! Other users can change .*fish.*, so the file fomular-daemon\.fish was not written there/,
  )
  assert.equal(readFileSync(victim, 'utf8'), 'precious')
  assert.deepEqual(readdirSync(join(home, 'elsewhere')), [])
  // A leftover link does not redirect it either.
  for (const path of ['fish', 'fish/vendor_completions.d']) chownSync(join(share, path), 0, 0)
  assert.equal((await run()).code, 0)
  assert.equal(readFileSync(victim, 'utf8'), 'precious')
  assert.ok(lstatSync(join(fish, 'fomular-daemon.fish')).isFile())
})

test('a state folder is judged against the owner of the daemon that runs there', (t) => {
  const dir = join(tempDir(t), 'state')
  mkdirSync(dir)
  toOther(dir)
  const options = { faults: [], strict: true }
  assert.equal(judge(dir, options).refused.length, 1)
  assert.equal(judge(dir, { ...options, user: NOBODY }).refused.length, 0)
})

test('doctor judges the state folder of a stopped service against the owner of the service', async (t) => {
  const dir = tempDir(t)
  const state = join(dir, 'state')
  mkdirSync(state, { mode: 0o700 })
  toOther(state)
  const modes = async (service: object) => {
    const env = shellWithClaude(dir)
    const connected = await connectDaemon({ env, stateDir: state })
    const chosen = { ...connected.chosen, ...service }
    const findings = await examine({ stateDir: state }, env, { ...connected, chosen })
    return findings.flatMap(({ check, remedy }) => (check === 'modes' ? remedy : []))
  }
  assert.deepEqual(await modes({ service: { manager: 'systemd', name: 'fomular-daemon' } }), [])
  assert.match((await modes({})).join(), /chown 0/)
})
