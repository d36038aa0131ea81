// Needs: busybox, curl, ksh93, minisign, openssl, zsh
import assert from 'node:assert/strict'
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UpdateFailure } from '../../src/update/failure.ts'
import { checkFreshness, isNamed } from '../../src/update/fetch/freshness.ts'
import { keyList, keyListText } from '../../src/update/fetch/release-keys.ts'
import { box, SHELLS, TOOLS } from '../support/installer.ts'
import {
  PackageServer,
  PlainInstallation,
  packageFiles,
  releaseKey,
  signed,
} from '../support/package-server.ts'
import { ReleaseServer } from '../support/release-server.ts'

const key = releaseKey()
const DAY_MS = 86_400_000
const now = Date.now()
const daysAgo = (days: number) => new Date(now - days * DAY_MS).toISOString()

const candidate = { resolved: '1.1.0', requested: 'latest', named: false, now }
const refused = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof UpdateFailure &&
  error.error.code === code &&
  message.test(error.message) &&
  error.error.remedy !== undefined

test('a release older than the running version is accepted only if its exact version is named', () => {
  const runs = { runs: daysAgo(10), maxDays: undefined }
  assert.equal(checkFreshness({ ...candidate, date: daysAgo(9) }, runs), undefined)
  assert.equal(checkFreshness({ ...candidate, date: daysAgo(10) }, runs), undefined)
  const older = { ...candidate, date: daysAgo(11) }
  assert.throws(
    () => checkFreshness(older, runs),
    refused('update_downgrade', /latest is 1\.1\.0, .* older than the running version/),
  )
  assert.equal(checkFreshness({ ...older, requested: '1.1.0', named: true }, runs), undefined)
  assert.ok(isNamed({ requested: '1.1.0', origin: 'server' }, '1.1.0'))
  assert.ok(!isNamed({ requested: '1.1.0', origin: 'schedule' }, '1.1.0'))
  assert.ok(!isNamed({ requested: 'latest', origin: 'local' }, '1.1.0'))
})

test('an old release causes a warning, and is refused if the settings say so', () => {
  const ground = { runs: undefined, maxDays: undefined }
  assert.equal(checkFreshness({ ...candidate, date: daysAgo(90) }, ground), undefined)
  assert.match(
    checkFreshness({ ...candidate, date: daysAgo(91) }, ground) ?? '',
    /91 days old.*withholding newer/,
  )
  for (const named of [true, false])
    assert.throws(
      () => checkFreshness({ ...candidate, named, date: daysAgo(31) }, { ...ground, maxDays: 30 }),
      refused('update_refused', /nothing older than 30 days/),
    )
})

test('a registry cannot use a tag to cause a downgrade, and cannot withhold releases without a warning', async (t) => {
  const registry = await PackageServer.open(t)
  const build = { keys: [key.publicKey], date: daysAgo(100) }
  const machine = await PlainInstallation.ofRelease(t, build, { FOMULAR_UPDATE_REGISTRY: registry.url })
  const publish = async (version: string, date: string) =>
    registry.publish({ version, files: signed(await packageFiles(version), { version, key, date }) })
  await registry.publish({ version: '1.0.0', files: await packageFiles('1.0.0') })
  const still = await machine.run(['update'])
  assert.match(still.stdout, /is already running/)
  assert.match(still.stderr, /^! 1\.0\.0 is 100 days old/m)
  assert.match((await machine.run(['update', '--check'])).stderr, /^! 1\.0\.0 is 100 days old/m)
  const { findings } = JSON.parse((await machine.run(['doctor', '--json'])).stdout)
  assert.ok(
    findings.some(
      ({ check, message }: Record<string, string>) => check === 'updates' && /100 days old/.test(message!),
    ),
  )
  await publish('1.1.0', daysAgo(101))
  const back = await machine.update()
  assert.equal(back.error?.code, 'update_downgrade')
  assert.match(back.error?.remedy ?? '', /1\.1\.0/)
  await publish('1.2.0', daysAgo(95))
  const old = await machine.update('latest', [], { FOMULAR_UPDATE_MAX_AGE_DAYS: '94' })
  assert.equal(old.error?.code, 'update_refused')
  await publish('0.9.0', daysAgo(1))
  assert.match(
    (await machine.update('latest', ['--allow-downgrade'])).error?.message ?? '',
    /latest is 0\.9\.0/,
  )
  const taken = await machine.run(['update', '1.2.0'])
  assert.match(taken.stdout, /to 1\.2\.0/)
  assert.match(taken.stderr, /^! 1\.2\.0 is 95 days old/m)
})

test('the installer installs an older version only if the user names that version', async (t) => {
  const server = await ReleaseServer.open(t)
  const releases = ['1.9.0', '1.10.0-rc.2', '1.10.0-rc.10', '1.10.0']
  for (const version of releases) await server.release(version, key)
  const machine = box(t, server)
  const latest = (version: string) => writeFileSync(join(server.dir, 'latest'), `${version}\n`)
  let runs = 0
  // Each run uses a different shell.
  const run = async (...args: string[]) => {
    const shell = SHELLS[runs++ % SHELLS.length]!
    const { code, err } = await machine.run(['--public-key', key.publicKey, ...args], { shell })
    return { code, err, current: readlinkSync(join(machine.prefix, 'current')).split('/').pop() }
  }
  for (const version of releases) {
    latest(version)
    assert.deepEqual(await run(), { code: 0, err: '', current: version })
  }
  for (const version of releases.slice(0, -1).reverse()) {
    latest(version)
    const { code, err, current } = await run()
    assert.deepEqual([code, current], [1, '1.10.0'], err)
    assert.match(err, new RegExp(`latest version at .* is ${version}, which is older than 1\\.10\\.0`))
    assert.match(err, new RegExp(`→ .*--version ${version}`))
  }
  assert.deepEqual(await run('--version', '1.10.0-rc.2'), { code: 0, err: '', current: '1.10.0-rc.2' })
})

test('the installer reports that the latest release is old, or that it cannot check signatures', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0', key, daysAgo(91))
  const run = (args: string[]) => box(t, server).run(args)
  const old = await run(['--public-key', key.publicKey])
  assert.equal(old.code, 0)
  assert.match(old.err, /^! Version 1\.0\.0, the latest at .*, is 9[12] days old/)
  assert.equal((await run(['--public-key', key.publicKey, '--version', '1.0.0'])).err, '')
  assert.match(
    (await run(['--version', '1.0.0'])).err,
    /signature of the release was not checked: .* has no key/,
  )
})

test('an installer with an earlier key follows the signed lists of keys to the current key', async (t) => {
  const server = await ReleaseServer.open(t)
  const [second, third, stranger] = [releaseKey(), releaseKey(), releaseKey()]
  const list = (number: number, by: typeof key, next: typeof key) => {
    const text = keyListText([next.publicKey])
    const path = join(server.dir, '1.0.0', keyList(number))
    writeFileSync(path, text)
    writeFileSync(`${path}.minisig`, by.signature(Buffer.from(text), ''))
  }
  await server.release('1.0.0', third)
  list(1, key, second)
  list(2, second, third)
  for (const tools of [
    [...TOOLS, 'curl'],
    [...TOOLS.filter((tool) => tool !== 'openssl'), 'curl', 'minisign'],
  ]) {
    const run = (known: typeof key) => box(t, server, tools).run(['--public-key', known.publicKey])
    for (const known of [key, second, third]) {
      const { code, err } = await run(known)
      assert.equal(code, 0, err)
    }
    assert.match((await run(stranger)).err, /not signed with the release key/)
    const path = join(server.dir, '1.0.0', keyList(2))
    const right = readFileSync(`${path}.minisig`)
    list(2, stranger, third)
    assert.match((await run(key)).err, /not signed with the release key/)
    writeFileSync(`${path}.minisig`, right)
  }
})
