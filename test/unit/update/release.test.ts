import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { registryInUse } from '../../../src/update/release.ts'
import { tempDir } from '../../support/temp.ts'

test('the registry whose keys sign releases is the one npm asks, wherever npm has that from', async (t) => {
  const HOME = tempDir(t)
  const prefix = join(HOME, 'prefix')
  mkdirSync(join(prefix, 'etc'), { recursive: true })
  // Debian's npm does not look for it in the prefix.
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
