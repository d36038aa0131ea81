// Needs: dpkg, gpgv, shellcheck
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeRepository, STANZAS } from '../../../packaging/apt.ts'
import { debianVersion, MAINTAINER_SCRIPTS, maintainerScript } from '../../../packaging/deb.ts'
import { aptSigner } from '../../../packaging/openpgp.ts'
import { tempDir } from '../../support/temp.ts'

const pem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const DATE = new Date('2026-05-04T08:00:00Z')

test('Debian also treats a prerelease as older than its release', () => {
  assert.equal(debianVersion('1.2.0'), '1.2.0')
  assert.equal(debianVersion('1.2.0-rc.1'), '1.2.0~rc.1')
  assert.equal(debianVersion('1.2.0-alpha-1.2'), '1.2.0~alpha.1.2')
  const order = ['1.2.0-alpha.1', '1.2.0-rc.2', '1.2.0-rc.10', '1.2.0', '1.2.1-rc.1', '1.2.1', '1.10.0']
  for (const [index, next] of order.slice(1).entries())
    execFileSync('dpkg', ['--compare-versions', debianVersion(order[index]!), 'lt', debianVersion(next)])
})

test('the apt index is signed with the release key, and lists prereleases separately', async (t) => {
  const dir = tempDir(t)
  for (const version of ['1.0.0', '1.1.0-rc.1']) {
    mkdirSync(join(dir, version))
    writeFileSync(
      join(dir, version, STANZAS),
      `Package: fomular-daemon\nVersion: ${debianVersion(version)}\n`,
    )
  }
  const key = pem()
  await makeRepository(dir, await aptSigner(key), DATE)
  const at = (...path: string[]) => readFileSync(join(dir, ...path), 'utf8')
  assert.deepEqual(at('apt/Packages').match(/^Version: .*$/gm), ['Version: 1.0.0'])
  assert.deepEqual(at('apt-next/Packages').match(/^Version: .*$/gm), [
    'Version: 1.0.0',
    'Version: 1.1.0~rc.1',
  ])

  const ring = join(dir, 'ring.gpg')
  const [, armored = ''] =
    /\n\n([\s\S]*?)\n(?:=|-----END)/.exec(at('fomular-daemon.asc').replaceAll('\r', '')) ?? []
  writeFileSync(ring, Buffer.from(armored.replace(/\s/g, ''), 'base64'))
  const checked = () =>
    spawnSync('gpgv', ['--keyring', ring, join(dir, 'apt/InRelease')], { encoding: 'utf8' })
  const good = checked()
  assert.equal(good.status, 0, good.stderr)
  assert.match(good.stderr, /Good signature from "fomular-daemon releases"/)
  const signed = at('apt/InRelease')
  writeFileSync(join(dir, 'apt/InRelease'), signed.replace('Label: fomular', 'Label: Fomular'))
  assert.notEqual(checked().status, 0)

  await makeRepository(dir, await aptSigner(pem()), DATE)
  writeFileSync(ring, Buffer.from(armored.replace(/\s/g, ''), 'base64'))
  assert.notEqual(checked().status, 0, 'by another key')
  await makeRepository(dir, await aptSigner(key), DATE)
  assert.equal(at('apt/InRelease'), signed, 'the same key and release result in the same bytes')
  assert.doesNotMatch(signed, /Valid-Until/)
  await makeRepository(dir, await aptSigner(key), DATE, new Date('2026-06-03T08:00:00Z'))
  assert.match(at('apt-next/InRelease'), /^Valid-Until: Wed, 03 Jun 2026 08:00:00 GMT\r?$/m)
  assert.equal(checked().status, 0)
})

test('the maintainer scripts find exactly the services that run the program of the package', (t) => {
  const dir = tempDir(t)
  for (const name of MAINTAINER_SCRIPTS) {
    const path = join(dir, name)
    writeFileSync(path, maintainerScript(name))
    const { status, stdout } = spawnSync('shellcheck', ['--shell=sh', path], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  }
  const mark = '# fomular-daemon service {"format":1}\n'
  const units = {
    'fomular-hub': `${mark}[Service]\nExecStart=/usr/bin/fomular-daemon hub --port 3001\n`,
    'by its own path': `${mark}[Service]\nExecStart="/usr/lib/fomular-daemon/fomular-daemon"\n`,
    'of another installation': `${mark}[Service]\nExecStart=/opt/fomular/bin/fomular-daemon\n`,
    'with a longer path': `${mark}[Service]\nExecStart=/usr/bin/fomular-daemon-next\n`,
    'by hand': '[Service]\nExecStart=/usr/bin/fomular-daemon\n',
  }
  for (const [name, text] of Object.entries(units)) writeFileSync(join(dir, `${name}.service`), text)
  const [made = ''] = /^made\(\) \{[\s\S]*?^\}/m.exec(maintainerScript('prerm')) ?? []
  const script = `${made.replace('/etc/systemd/system', '"$UNITS"')}\nmade`
  const { stdout } = spawnSync('sh', ['-ec', script], {
    encoding: 'utf8',
    env: { ...process.env, UNITS: dir },
  })
  assert.deepEqual(stdout.trim().split('\n').sort(), ['by its own path', 'fomular-hub'])
})
