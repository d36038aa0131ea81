import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultUrl } from 'registry-url'
import { PackageServer, PlainInstallation, packageFiles } from '../support/package-server.ts'
import { tempDir } from '../support/temp.ts'

test('an update refuses every package address that is not a web address, and runs neither git nor scripts', async (t) => {
  const registry = await PackageServer.open(t)
  const dir = tempDir(t)
  const ran = join(dir, 'ran')
  // Use addresses for which npm would clone a repository, or run a package's scripts.
  for (const name of ['git', 'ssh'])
    writeFileSync(join(dir, name), `#!/bin/sh\necho "${name} $*" >>'${ran}'\nexit 1\n`, { mode: 0o755 })
  const folder = join(dir, 'package')
  mkdirSync(folder)
  const scripts = { prepack: `touch '${ran}'`, prepare: `touch '${ran}'` }
  const body = JSON.stringify({ name: '@fomular-os/daemon', version: '1.1.0', scripts })
  writeFileSync(join(folder, 'package.json'), body)
  const machine = new PlainInstallation(t, await packageFiles('1.0.0'), {
    PATH: `${dir}:${process.env.PATH}`,
    FOMULAR_UPDATE_REGISTRY: registry.url,
    npm_config_fetch_retries: '0',
  })
  for (const tarball of [
    `git+${registry.url}/evil.git`,
    `git+ssh://-oProxyCommand=touch%20${ran}/x`,
    'git://127.0.0.1:1/evil.git',
    'git@127.0.0.1:evil/evil.git',
    'github:evil/evil',
    `file://${folder}`,
    folder,
    'npm:other@1.0.0',
    '',
  ]) {
    await registry.publish({ version: '1.1.0', files: { 'package.json': body }, dist: { tarball } })
    const { error } = await machine.update('1.1.0')
    assert.equal(error?.code, 'update_registry_unreachable', tarball)
    assert.match(error?.message ?? '', /is not a web address/, tarball)
  }
  assert.ok(!existsSync(ran))
  assert.equal(await machine.version(), '1.0.0')
  assert.deepEqual(
    registry.requests.filter((path) => path.includes('evil')),
    [],
  )

  // Like npm, the update replaces the public registry's host in an address with the configured registry's
  // host.
  const tarball = new URL('/tarballs/1.1.0.tgz', defaultUrl).href
  await registry.publish({ version: '1.1.0', files: await packageFiles('1.1.0'), dist: { tarball } })
  assert.equal((await machine.update('1.1.0')).to_version, '1.1.0')
})
