// Needs: root
import assert from 'node:assert/strict'
import { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { look } from '../../../../src/update/fetch/available.ts'
import { findNpm } from '../../../../src/update/fetch/npm.ts'
import { registryOf, registrySet } from '../../../../src/update/fetch/npmrc.ts'
import { registryInUse } from '../../../../src/update/fetch/release.ts'
import { transportOf } from '../../../../src/update/fetch/transport.ts'
import { PackageServer } from '../../../support/package-server.ts'
import { tempDir } from '../../../support/temp.ts'

const NOBODY = 65534
const PACKAGE = '@fomular-os/daemon'
const REGISTRY = 'https://packages.example'

/** A user's npm settings, in files whose owners the test can change. */
function settings(t: TestContext) {
  const dir = tempDir(t)
  const HOME = join(dir, 'home')
  const path = (name: string) => join(HOME, name)
  mkdirSync(path('etc'), { recursive: true })
  writeFileSync(
    path('.npmrc'),
    [
      `registry=${REGISTRY}`,
      `//packages.example/:_authToken=\${SECRET}`,
      'cafile=~/ca.pem',
      `//packages.example/:certfile=${path('cert.pem')}`,
      `//packages.example/:keyfile=${path('key.pem')}`,
    ].join('\n'),
  )
  writeFileSync(path('etc/npmrc'), 'fetch-retries=1\n')
  for (const name of ['ca.pem', 'cert.pem', 'key.pem']) writeFileSync(path(name), name)
  const env = { HOME, SECRET: 'secret', npm_config_globalconfig: path('etc/npmrc') }
  const { signal } = new AbortController()
  const source = { package: PACKAGE, cwd: dir, env, signal }
  const used = (more: object = {}) => {
    const { ca, retries, url, credentials } = registryOf({ ...source, ...more })
    return { ca, retries, url, ...credentials(url) }
  }
  return { path, env, source, used }
}

const refused = (path: string) => (error: unknown) => {
  const { code, message, remedy } = (error as { error: Record<string, string> }).error
  assert.equal(code, 'update_refused')
  assert.match(
    message!,
    new RegExp(`^${path} belongs to .*\\. This file or folder decides where updates come from\\.$`),
  )
  assert.match(remedy!, new RegExp(`chown 0 ${path}\\..*FOMULAR_STRICT_MODES=false`))
  return true
}

test('an npm setting, certificate, key, or parent folder that belongs to another user is refused', (t) => {
  const { path, env, used } = settings(t)
  const own = {
    ca: 'ca.pem',
    retries: 1,
    url: REGISTRY,
    authorization: 'Bearer secret',
    client: { cert: 'cert.pem', key: 'key.pem' },
  }
  assert.deepEqual(used(), own)
  for (const name of ['.npmrc', 'etc/npmrc', 'etc', 'ca.pem', 'cert.pem', 'key.pem', '']) {
    chownSync(path(name), NOBODY, NOBODY)
    assert.throws(() => used(), refused(join(path(name))), name)
    assert.deepEqual(used({ env: { ...env, FOMULAR_STRICT_MODES: 'false' } }), own)
    chownSync(path(name), 0, 0)
  }
  renameSync(path('.npmrc'), path('other'))
  symlinkSync(path('other'), path('.npmrc'))
  lchownSync(path('.npmrc'), NOBODY, NOBODY)
  assert.throws(() => registrySet(PACKAGE, env), refused(path('.npmrc')))
  lchownSync(path('.npmrc'), 0, 0)
  chownSync(path('other'), NOBODY, NOBODY)
  assert.throws(() => registrySet(PACKAGE, env), refused(path('other')))
  // This file does not exist.
  assert.equal(registrySet(PACKAGE, { ...env, npm_config_userconfig: path('none') }), undefined)
})

test('on older machines, an npm file that other users can write to is accepted once, with a warning', (t) => {
  const { path, source, used } = settings(t)
  const state = tempDir(t)
  const warnings: string[] = []
  const update = () => {
    const warn = (message: string) => warnings.push(message)
    const { checkFile, made } = transportOf({ allow_insecure: false }, state, warn)
    used({ checkFile })
    used({ checkFile })
    made()
  }
  update()
  assert.deepEqual(warnings, [])
  for (const name of ['.npmrc', 'ca.pem']) chmodSync(path(name), 0o666)
  assert.throws(
    update,
    /\.npmrc can be written to by every user\. This file or folder decides where updates come from\.$/,
  )
  writeFileSync(join(state, 'machine.json'), '{}')
  update()
  assert.equal(warnings.length, 2)
  assert.match(warnings[0]!, /\.npmrc can be written to by every user.* last update .* chmod o-w/)
  assert.throws(update, /can be written to by every user/)
  for (const name of ['.npmrc', 'ca.pem']) chmodSync(path(name), 0o600)
  update()
  assert.equal(used(source).url, REGISTRY)
})

test('another user’s npm is not run, and another user’s settings for this user’s npm are refused', async (t) => {
  const { path, source, env } = settings(t)
  const npm = path('npm/bin/npm')
  mkdirSync(path('npm/bin'), { recursive: true })
  writeFileSync(npm, `#!/bin/sh\n[ "$3" = userconfig ] || echo https://told.example\n`, { mode: 0o755 })
  writeFileSync(path('npm/npmrc'), '')
  const asked = { ...source, env: { ...env, PATH: path('npm/bin') } }
  assert.equal(findNpm(asked.env)?.file, npm)
  assert.equal((await registryInUse(asked)).registry, 'https://told.example')
  chownSync(path('npm/npmrc'), NOBODY, NOBODY)
  await assert.rejects(registryInUse(asked), refused(path('npm/npmrc')))
  chownSync(path('npm'), NOBODY, NOBODY)
  assert.equal((await registryInUse(asked)).registry, undefined)
})

test('a check for updates does not contact a registry that another user may have chosen', async (t) => {
  const { path, env } = settings(t)
  const registry = await PackageServer.open(t)
  await registry.publish({ version: '9.0.0', files: { a: '' } })
  writeFileSync(path('.npmrc'), `registry=${registry.url}\n`)
  const { signal } = new AbortController()
  const asked = { command: '/nowhere', requested: 'latest', policy: { package: PACKAGE }, env, signal }
  const stateDir = tempDir(t)
  assert.equal((await look({ ...asked, stateDir })).available, '9.0.0')
  const { length } = registry.requests
  chmodSync(path('.npmrc'), 0o666)
  await assert.rejects(look({ ...asked, stateDir }), /can be written to by every user/)
  chmodSync(path('.npmrc'), 0o600)
  chownSync(path('.npmrc'), NOBODY, NOBODY)
  await assert.rejects(look({ ...asked, stateDir }), refused(path('.npmrc')))
  assert.equal(registry.requests.length, length)
})
