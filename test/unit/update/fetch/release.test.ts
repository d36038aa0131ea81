import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultUrl } from 'registry-url'
import { registryInUse } from '../../../../src/update/fetch/release.ts'
import { npmRegistry } from '../../../../src/update/fetch/source.ts'
import { tempDir } from '../../../support/temp.ts'

test('the registry that npm uses selects the release keys, no matter which of npm’s files names the registry', async (t) => {
  const HOME = tempDir(t)
  const prefix = join(HOME, 'prefix')
  mkdirSync(join(prefix, 'etc'), { recursive: true })
  // Debian's npm does not look for the global file in the prefix.
  const user = `prefix=${prefix}\nglobalconfig=${join(prefix, 'etc/npmrc')}\n`
  writeFileSync(join(HOME, '.npmrc'), user)
  writeFileSync(join(prefix, 'etc/npmrc'), 'registry=http://127.0.0.1:1/global\n')
  const used = async () => {
    const env = { HOME, PATH: process.env.PATH }
    const { signal } = new AbortController()
    return (await registryInUse({ package: '@fomular-os/daemon', cwd: tempDir(t), env, signal })).registry
  }
  assert.equal(await used(), 'http://127.0.0.1:1/global')
  writeFileSync(join(HOME, '.npmrc'), `${user}@fomular-os:registry=http://127.0.0.1:1/scope\n`)
  assert.equal(await used(), 'http://127.0.0.1:1/scope')
})

test('a registry from npm’s settings is reported with the variable or file that names the registry', async (t) => {
  const HOME = tempDir(t)
  const told = (env = {}) => npmRegistry('@fomular-os/daemon', { HOME, PATH: process.env.PATH, ...env })
  const none = { npm_config_globalconfig: '/nowhere' }
  assert.deepEqual(await told({ ...none, npm_config_registry: defaultUrl }), {
    value: defaultUrl.replace(/\/$/, ''),
    source: 'npm_config_registry',
  })
  const npmrc = join(HOME, '.npmrc')
  writeFileSync(npmrc, 'registry=http://127.0.0.1:1/all/\n')
  assert.deepEqual(await told(none), { value: 'http://127.0.0.1:1/all', source: npmrc })
  writeFileSync(npmrc, '@fomular-os:registry=http://me:word@127.0.0.1:1/scope/\n')
  assert.deepEqual(await told(none), { value: 'http://127.0.0.1:1/scope', source: npmrc })
  // Without npm.
  assert.deepEqual(await told({ ...none, PATH: '' }), { value: 'http://127.0.0.1:1/scope', source: npmrc })
})
