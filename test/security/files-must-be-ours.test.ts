// Needs: root
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { judgeFolder } from '../../src/config/ownership-policy.ts'
import { VERSION } from '../../src/platform/version.ts'
import { certificates } from '../support/certificates.ts'
import { asLeftBefore, machine, NOBODY, toOther } from '../support/foreign-files.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

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
  // A sticky folder, such as /tmp, is accepted: users can rename only their own files in it.
  chmodSync(home, 0o1777)
  await accepted()
})

test('an older installation gets a warning about its modes, and the next version refuses them', async (t) => {
  const { config, state, refused, accepted } = await machine(t)
  await accepted()
  // Put the folder into the state in which the previous version left it.
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

test('another user who can write to the state folder cannot make it look as if it was used or tolerated before', (t) => {
  const dir = join(tempDir(t), 'state')
  const known = join(dir, 'format.json')
  const record = join(dir, 'modes.json')
  const content = (by: string) => JSON.stringify({ version: 1, format: 1, by, open: [dir] })
  const isRefused = () => {
    const { refused } = judgeFolder(dir, { faults: [], strict: true })
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
  // Another user can rename any file of this user in the folder to one of these names.
  writeFileSync(known, '{}')
  assert.ok(isRefused())
  asLeftBefore(dir)
  assert.equal(isRefused(), false)
})

test('a mode that was tolerated before is refused after another user has deleted the record', async (t) => {
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
  // A folder of a hub is also refused.
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

test('another user’s files in a state folder or an agent’s folder are refused, and doctor names them', async (t) => {
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
      assert.match(doctor.log(), new RegExp(`chown -R -h 0 ${state}\\. Otherwise, delete the path`))
    assert.match(await accepted(['run', '--strict-modes', 'false']), told)
    // Follow the remedy. In the meantime, the daemon has moved aside a folder that belongs to no agent.
    execFileSync('chown', ['-R', '-h', '0', state])
    chownSync(elsewhere, 0, 0)
  }
  await accepted()
  // The folder of another user's hub must belong to the user of that hub.
  mkdirSync(join(state, 'hub'))
  toOther(join(state, 'hub'))
  await accepted()
})

test('after a rollback, the modes that the later version tolerated are tolerated until the next update', async (t) => {
  const { config, state, accepted } = await machine(t)
  await accepted()
  const record = join(state, 'modes.json')
  chmodSync(config, 0o666)
  writeFileSync(record, JSON.stringify({ version: 1, by: '99.0.0', open: [config] }))
  assert.match(await accepted(), /the next version will refuse this/)
  assert.deepEqual(JSON.parse(readFileSync(record, 'utf8')), { version: 1, by: VERSION, open: [config] })
})

test('the settings can allow unsafe owners and modes, unless other users can change the settings', async (t) => {
  const { config, home, refused, accepted } = await machine(t)
  chmodSync(config, 0o666)
  writeFileSync(config, `${readFileSync(config, 'utf8')}strict_modes = false\n`)
  await refused()
  assert.match(await accepted(['run', '--strict-modes', 'false']), /can be written to by every user/)
  await accepted(['run'], { FOMULAR_STRICT_MODES: 'false' })
  chmodSync(config, 0o600)
  chmodSync(home, 0o777)
  // The setting has no effect if its file is in a folder that others can write to.
  await refused()
  toOther(home)
  await accepted(['run'], { FOMULAR_STRICT_MODES: 'false' })
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

test('a hub refuses a folder that others can change, but makes an empty folder private', async (t) => {
  const stage = await Stage.open(t)
  const dir = join(stage.dir, 'volume')
  mkdirSync(dir)
  // A new volume of a container is an empty folder that everyone can write to.
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

test('the files with the certificates that the daemon trusts are checked, too', async (t) => {
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

test('a new hub refuses a certificate of another user, but a hub of an older version only gets a warning at first', async (t) => {
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
