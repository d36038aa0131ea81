import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadUpdateConfig } from '../../src/config/update-config.ts'
import { parseFromServer } from '../../src/protocol/index.ts'
import { UpdateFailure } from '../../src/update/failure.ts'
import { checkDirection } from '../../src/update/fetch/direction.ts'
import { confirm, confirmedVersions, ranHere } from '../../src/update/switch/confirmed.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { LightServer } from '../support/light-server.ts'
import { PackageServer, PlainInstallation, packageFiles } from '../support/package-server.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

/** Texts that must be refused: most of them mean something other than a version to npm. */
const NO_VERSIONS = [
  'git+http://127.0.0.1/evil.git',
  'git+ssh://-oProxyCommand=touch /tmp/x',
  'http://127.0.0.1/evil.tgz',
  'file:/etc',
  'npm:left-pad@1.0.0',
  'someone/repository',
  '../../..',
  '/etc',
  'evil.tgz',
  'evil.TAR.gz',
  'evil.tar',
  'latest --registry=http://127.0.0.1',
  '--registry=http://127.0.0.1',
  '1.0.0\n',
  '>=1.0.0',
  '*',
  '',
  'x'.repeat(65),
  'x'.repeat(100_000),
]
const VERSIONS = ['1.0.0', '0.2.0-rc.1', '1.0.0+build.7', 'latest', 'next', 'my_tag', '1.0.0-tgz', 'tar']

const refuse = { type: 'server:refuse', code: 'protocol_version', message: 'old' }

test('update_to in a refusal is ignored unless it is a version, and an update order without a valid version is invalid', () => {
  for (const update_to of [...NO_VERSIONS, 7, null, true, ['1.0.0'], { version: '1.0.0' }]) {
    const parsed = parseFromServer(JSON.stringify({ ...refuse, retry_after_s: 60, update_to }))
    assert.ok(parsed.ok && parsed.message.type === 'server:refuse', JSON.stringify(update_to).slice(0, 80))
    assert.deepEqual([parsed.message.code, parsed.message.update_to], ['protocol_version', undefined])
    const order = { type: 'daemon:update', command_id: 'c-1', version: update_to }
    const ordered = parseFromServer(JSON.stringify(order))
    assert.ok(!ordered.ok && ordered.error)
    assert.deepEqual([ordered.error.code, ordered.error.command_id], ['invalid', 'c-1'])
  }
  for (const version of VERSIONS) {
    const parsed = parseFromServer(JSON.stringify({ ...refuse, update_to: version }))
    assert.ok(parsed.ok && parsed.message.type === 'server:refuse')
    assert.equal(parsed.message.update_to, version)
    const order = { type: 'daemon:update', command_id: 'c-1', version }
    assert.ok(parseFromServer(JSON.stringify(order)).ok, version)
  }
})

test('a refused daemon does not update to an address, alias, or path, and reports the refusal', async (t) => {
  const stage = await Stage.open(t)
  const server = await LightServer.open(t)
  server.daemon(stage, { FOMULAR_UPDATE_REGISTRY: 'http://127.0.0.1:1' })
  const refused = async (count: number, update_to: string) => {
    const caller = await server.caller(count)
    await caller.received('machine:hello')
    caller.send({ ...refuse, retry_after_s: 1, update_to })
    await caller.ended()
  }
  const record = join(stage.state, 'update.json')
  await refused(1, 'git+http://127.0.0.1:1/evil.git')
  await refused(2, '../../..')
  const status = stage.run(['status', '--json'])
  await status.ended
  const { link } = JSON.parse(status.log())
  assert.equal(link.refused, 'protocol_version')
  assert.ok(!existsSync(record))
  await refused(3, '9.9.9')
  await until(() => existsSync(record), { what: 'an attempt to update' })
  assert.equal(JSON.parse(readFileSync(record, 'utf8')).requested, '9.9.9')
})

for (const npm of [true, false])
  test(`a local order for anything other than a version is refused without a request to the registry, ${npm ? 'with' : 'without'} npm`, async (t) => {
    const asked: string[] = []
    const trap = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (data) => {
        asked.push(String(data).split('\r\n')[0]!)
        socket.end('HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n')
      })
    })
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
    t.after(() => trap.close())
    const address = `127.0.0.1:${(trap.address() as { port: number }).port}`
    const machine = new PlainInstallation(t, await packageFiles('1.0.0'), {
      FOMULAR_UPDATE_REGISTRY: `http://${address}`,
      ...(npm && { PATH: process.env.PATH! }),
    })
    for (const version of [`git+http://${address}/x.git`, `http://${address}/x.tgz`, '../../..', 'x.tgz']) {
      const { error } = await machine.update(version)
      assert.equal(error?.code, 'update_version_not_found', version)
      assert.match(error?.message ?? '', /neither a version nor a dist-tag/)
    }
    assert.deepEqual(asked, [])
  })

test('a hub forwards only orders that name a version', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await LightDaemon.greet({
    url: hub.url,
    key: await hub.enroll('a'),
    hello: { machine_id: 'm' },
  })
  const order = (version: unknown) => hub.request('POST', '/api/machines/m/update?wait=0', { version })
  for (const version of [...NO_VERSIONS.slice(0, -1), 7, null])
    assert.equal((await order(version)).status, 400)
  await order('1.2.3-rc.1')
  assert.equal((await daemon.received('daemon:update')).version, '1.2.3-rc.1')
  assert.equal(daemon.ofType('daemon:update').length, 1)
})

test('the update channel in the settings must be a dist-tag', async () => {
  const load = (channel: string) => loadUpdateConfig({ HOME: '/nowhere', FOMULAR_UPDATE_CHANNEL: channel })
  await assert.rejects(load('npm:left-pad'), /FOMULAR_UPDATE_CHANNEL is "npm:left-pad"/)
  assert.equal((await load('next')).channel, 'next')
})

test('a server can order a confirmed version again; for any other older version, the machine must allow downgrades', () => {
  const step = {
    running: '2.0.0',
    resolved: '1.0.0',
    requested: '1.0.0',
    origin: 'server',
    allowDowngrade: true,
  } as const
  const ground = { allow_downgrade: false, confirmed: ['1.0.0', '1.5.0'] }
  const refused = (message: RegExp) => (error: unknown) =>
    error instanceof UpdateFailure &&
    error.error.code === 'update_downgrade' &&
    message.test(error.message) &&
    error.error.remedy !== undefined
  checkDirection(step, ground)
  const never = { ...step, resolved: '0.9.0', requested: '0.9.0' }
  assert.throws(() => checkDirection(never, ground), refused(/never confirmed on this machine/))
  checkDirection(never, { ...ground, allow_downgrade: true })
  checkDirection({ ...never, origin: 'local' }, ground)
  for (const origin of ['server', 'refusal', 'schedule', 'local'] as const)
    assert.throws(
      () => checkDirection({ ...step, origin, allowDowngrade: false }, ground),
      refused(/is older/),
    )
  // A registry cannot cause a downgrade by moving its dist-tag back.
  for (const origin of ['server', 'local'] as const)
    assert.throws(
      () => checkDirection({ ...step, origin, requested: 'latest' }, ground),
      refused(/latest is 1.0.0, which is older/),
    )
})

test('a version counts as confirmed after an update by an older program, although that program does not record confirmed versions', async (t) => {
  const dir = tempDir(t)
  await confirm(dir, { version: '1.0.0', at: '', welcomed: true })
  const record = {
    version: 1,
    command_id: 'u-1',
    origin: 'server',
    requested: '0.9.5',
    from: '0.9.0',
    to: '0.9.5',
    stage: 'confirm',
    attempts: 1,
    started_at: '',
    outcome: 'succeeded',
    restart_strategy: 'self',
    settled: true,
    trial: {
      id: 'a-trial',
      layout: 'package',
      root: '/',
      program: 'p',
      next: '/n',
      previous: '/p',
      entry: '/e',
      previous_entry: '/e',
      args: [],
      confirm_ms: 1,
    },
    bad_versions: [],
  }
  const versions = () => confirmedVersions(dir).map(({ version }) => version)
  const recorded = (change: object) => {
    writeFileSync(join(dir, 'update.json'), JSON.stringify({ ...record, ...change }))
    return versions()
  }
  assert.deepEqual(recorded({ outcome: 'failed' }), ['1.0.0'])
  // A recorded success proves that a server welcomed the new version only if the update had a trial and
  // reached the stage `confirm`.
  const { trial: _, ...offline } = record
  assert.deepEqual(recorded({ origin: 'local', stage: 'switch', trial: undefined }), ['1.0.0'])
  assert.deepEqual(recorded({ origin: 'refusal', stage: 'relaunch' }), ['1.0.0'])
  writeFileSync(join(dir, 'update.json'), JSON.stringify({ ...offline, to: '0.9.0' }))
  assert.deepEqual(versions(), ['1.0.0', '0.9.0'])
  for (const origin of ['local', 'refusal', 'schedule'])
    assert.deepEqual(recorded({ origin }), ['1.0.0', '0.9.5'])
  assert.deepEqual(recorded({}), ['1.0.0', '0.9.0', '0.9.5'])
  await confirm(dir, { version: '1.1.0', at: '', welcomed: true })
  rmSync(join(dir, 'update.json'))
  assert.deepEqual(versions(), ['1.0.0', '0.9.0', '0.9.5', '1.1.0'])
})

test('a version that ran without a server’s welcome is recognized by its program, but no server can order it', async (t) => {
  const dir = tempDir(t)
  const program = join(dir, 'program')
  writeFileSync(program, 'a program')
  const sha256 = createHash('sha256').update('a program').digest('hex')
  const versions = () => confirmedVersions(dir).map(({ version }) => version)
  await confirm(dir, { version: '0.9.0', at: '', program, welcomed: false })
  assert.deepEqual([versions(), ranHere(dir, '0.9.0', sha256)], [[], true])
  await confirm(dir, { version: '0.9.0', at: '', welcomed: true })
  assert.deepEqual([versions(), ranHere(dir, '0.9.0', sha256)], [['0.9.0'], true])
  await confirm(dir, { version: '0.9.0', at: '', program, welcomed: false })
  assert.deepEqual(versions(), ['0.9.0'])
  assert.equal(ranHere(dir, '0.9.1', sha256), false)
})

test('a server’s welcome confirms a version, and a later order to go back to that version is carried out', async (t) => {
  const registry = await PackageServer.open(t)
  for (const version of ['0.9.0', '1.0.0', '1.1.0'])
    await registry.publish({ version, files: await packageFiles(version) })
  const machine = new PlainInstallation(t, await packageFiles('1.0.0'))
  const stage = await Stage.open(t, { FOMULAR_UPDATE_REGISTRY: registry.url, PATH: machine.env.PATH! })
  const server = await LightServer.open(t)
  const args = ['run', '--server-url', server.url, '--key', 'the-key']
  stage.run(args, {}, [process.execPath, machine.command])
  const runs = async (count: number, version: string) => {
    const caller = await server.caller(count)
    assert.equal((await caller.welcome()).daemon_version, version)
    return caller
  }
  const order = { allow_downgrade: true }
  const first = await runs(1, '1.0.0')
  first.send({ type: 'daemon:update', command_id: 'u-1', version: '0.9.0', ...order })
  const refused = await first.received('daemon:update:result')
  assert.equal((refused.error as { code?: string } | undefined)?.code, 'update_downgrade')
  first.send({ type: 'daemon:update', command_id: 'u-2', version: '1.1.0' })
  const second = await runs(2, '1.1.0')
  second.send({ type: 'daemon:update', command_id: 'u-3', version: '1.0.0', ...order })
  await runs(3, '1.0.0')
  const { versions } = JSON.parse(readFileSync(join(stage.state, 'confirmed.json'), 'utf8'))
  assert.deepEqual(versions.map(({ version }: { version: string }) => version).sort(), ['1.0.0', '1.1.0'])
})
