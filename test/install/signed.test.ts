// Needs: root, debootstrap, dpkg-deb, git
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { publicKeyOf } from '../../packaging/signature.ts'
import { checkManifest } from '../../src/update/fetch/manifest.ts'
import { unpack } from '../../src/update/fetch/unpack.ts'
import { PACKAGES } from '../support/booted.ts'
import { FreshDebian } from '../support/fresh-debian.ts'
import { releaseKey } from '../support/package-server.ts'
import { ReleaseServer } from '../support/release-server.ts'
import { tempDir } from '../support/temp.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const platform = `linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`

const pem = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
const publicKey = publicKeyOf(String(createPublicKey(pem).export({ type: 'spki', format: 'pem' })))

test('the installer and the program verify a release that was signed on a separate machine', async (t) => {
  const server = await ReleaseServer.open(t)
  const release = (only: string, args: string[], env: Record<string, string>) =>
    execa(
      process.execPath,
      [join(root, 'packaging/release.ts'), '--dry-run', '--only', only, '--out', server.dir, ...args],
      { env, reject: false },
    )
  // Afterward, build the program again without a key, because other tests need that build.
  t.after(() => execa(process.execPath, [join(root, 'packaging/bundle.ts')]))
  const made = await release('build', [platform], { FOMULAR_RELEASE_PUBLIC_KEY: publicKey })
  assert.equal(made.exitCode, 0, made.stderr)
  const stranger = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const other = await release('sign', [], { FOMULAR_RELEASE_KEY: stranger })
  assert.match(other.stderr, /built for other release keys/)
  const signed = await release('sign', ['--base-url', server.url], { FOMULAR_RELEASE_KEY: pem })
  assert.equal(signed.exitCode, 0, signed.stderr)

  const machine = await FreshDebian.open(t, { packages: PACKAGES })
  const line = ['sh', '-c', `curl -fsSL ${server.url}/install.sh | sh`]
  const said = await machine.out(line)
  assert.match(said, new RegExp(`fomular-daemon ${version} is installed in /opt/fomular`))
  assert.doesNotMatch(said, /not checked/)
  const { findings } = JSON.parse((await machine.run(['fomular-daemon', 'doctor', '--json'])).text)
  const updates = findings.find(({ check }: { check: string }) => check === 'updates')
  assert.equal(updates.level, 'ok')
  assert.ok(updates.message.includes(publicKey))

  for (const name of ['', `-${platform}`]) {
    const dir = join(tempDir(t), 'package')
    const files = await unpack(join(server.dir, version, `fomular-os-daemon${name}-${version}.tgz`), dir)
    const read = (path: string) => (files.has(path) ? readFileSync(join(dir, path)) : undefined)
    const expected = { name: `@fomular-os/daemon${name}`, version }
    checkManifest({ files, read }, expected, [publicKey])
    assert.throws(() => checkManifest({ files, read }, expected, [releaseKey().publicKey]), /not signed with/)
  }

  const manifest = join(server.dir, version, 'manifest.json')
  const text = readFileSync(manifest)
  appendFileSync(manifest, '\n')
  const changed = await machine.run(line)
  assert.notEqual(changed.code, 0)
  assert.match(changed.text, /manifest is not signed with the release key/)
  writeFileSync(manifest, text)
  await machine.out(['rm', '-r', `/opt/fomular/versions/${version}`])
  const download = join(server.dir, version, `fomular-daemon-${platform}.gz`)
  const bytes = readFileSync(download)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  writeFileSync(download, bytes)
  const spoilt = await machine.run(line)
  assert.notEqual(spoilt.code, 0)
  assert.match(spoilt.text, /does not match the manifest/)
})
