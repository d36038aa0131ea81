import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UpdateFailure } from '../../src/update/failure.ts'
import { checkAuthentic } from '../../src/update/fetch/authentic.ts'
import { confirm } from '../../src/update/switch/confirmed.ts'
import { PackageServer, PlainInstallation, packageFiles, releaseKey } from '../support/package-server.ts'
import { PACKAGE } from '../support/registry.ts'
import { tempDir } from '../support/temp.ts'

const NOBODY = 65534

const key = releaseKey()

const KEYED = { keys: [key.publicKey] }

test('a build without a key reports this, and refuses all updates if signatures are required', async (t) => {
  const registry = await PackageServer.open(t)
  await registry.publish({ version: '1.1.0', files: await packageFiles('1.1.0') })
  const machine = new PlainInstallation(t, await packageFiles('1.0.0'), {
    FOMULAR_UPDATE_REGISTRY: registry.url,
  })
  const doctor = async (env = {}) => {
    const { findings } = JSON.parse((await machine.run(['doctor', '--json'], env)).stdout)
    return findings.find(({ check }: { check: string }) => check === 'updates')
  }
  const demand = { FOMULAR_UPDATE_SIGNATURES: 'true' }
  assert.match((await doctor()).message, /no release key/)
  const found = await doctor(demand)
  assert.equal(found.level, 'error')
  assert.ok(found.remedy)
  const { error } = await machine.update('latest', [], demand)
  assert.equal(error?.code, 'update_integrity')
  assert.match(error?.message ?? '', /no key to check signatures/)
  assert.deepEqual(registry.requests, [])
  assert.equal((await machine.update()).to_version, '1.1.0')
})

test('a machine that requires no signatures reports that', async (t) => {
  const registry = await PackageServer.open(t)
  await registry.publish({ version: '1.1.0', files: await packageFiles('1.1.0') })
  const machine = await PlainInstallation.ofRelease(t, KEYED, {
    FOMULAR_UPDATE_REGISTRY: registry.url,
    FOMULAR_UPDATE_SIGNATURES: 'false',
  })
  const { stdout, stderr } = await machine.run(['update'])
  assert.match(stdout, /^Updated from 1\.0\.0 to 1\.1\.0/)
  assert.match(stderr, /^! The signature of the update was not checked/m)
})

test('a build without a key requires no signature, and does not warn about missing signatures', () => {
  const files = new Map([['dist/index.js', { size: 1, sha256: 'x' }]])
  const wanted = {
    dir: '/nowhere',
    files,
    name: PACKAGE,
    resolved: '1.0.0',
    requested: 'latest',
    named: false,
    program: 'dist/index.js',
  }
  assert.equal(checkAuthentic(wanted, {}, '/nowhere'), undefined)
})

test('a record of confirmed versions that another user wrote does not make a package acceptable', async (t) => {
  const [state, dir] = [tempDir(t), tempDir(t)]
  mkdirSync(join(dir, 'dist'))
  const program = join(dir, 'dist/index.js')
  writeFileSync(program, 'of a member')
  const sha256 = createHash('sha256').update('of a member').digest('hex')
  const wanted = {
    dir,
    files: new Map([['dist/index.js', { size: 11, sha256 }]]),
    name: PACKAGE,
    resolved: '0.9.0',
    requested: '0.9.0',
    named: true,
    program: 'dist/index.js',
  }
  const taken = () => checkAuthentic(wanted, { signatures: true }, state)
  await confirm(state, { version: '0.9.0', at: '', program, welcomed: true })
  assert.equal(taken(), undefined)
  const file = join(state, 'confirmed.json')
  for (const mode of [0o770, 0o777]) {
    chownSync(state, 0, NOBODY)
    chmodSync(state, mode)
    chownSync(file, 0, 0)
    assert.equal(taken(), undefined)
    chownSync(file, NOBODY, NOBODY)
    assert.throws(
      taken,
      (error: unknown) => error instanceof UpdateFailure && error.error.code === 'update_integrity',
    )
  }
  // Confirmations that this user records later count again.
  await confirm(state, { version: '0.9.0', at: '', program, welcomed: true })
  assert.equal(taken(), undefined)
})
