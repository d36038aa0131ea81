// Needs: busybox, curl, ksh93, zsh
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { box, SHELLS, versionOf } from '../support/installer.ts'
import { ReleaseServer } from '../support/release-server.ts'

const FURNISHED = {
  '.local/share/bash-completion/completions/fomular-daemon': 'completion bash',
  '.local/share/fish/vendor_completions.d/fomular-daemon.fish': 'completion fish',
  '.fomular/share/man/man1/fomular-daemon.1': 'man-page',
  '.local/share/zsh/site-functions/_fomular-daemon': 'completion zsh',
}

const INSTALLED = [
  '.fomular',
  '.fomular/.installed',
  '.fomular/bin',
  '.fomular/bin/fomular-daemon',
  '.fomular/current',
  '.fomular/share',
  '.fomular/share/man',
  '.fomular/share/man/man1',
  '.fomular/share/man/man1/fomular-daemon.1',
  '.fomular/versions',
  '.fomular/versions/1.0.0',
  '.fomular/versions/1.0.0/bin',
  '.fomular/versions/1.0.0/bin/fomular-daemon',
  '.fomular/versions/1.0.0/package.json',
]

for (const shell of SHELLS)
  test(`in ${shell.join(' ')}, the installer installs, changes nothing when it runs again, upgrades, and uninstalls without a trace`, async (t) => {
    const server = await ReleaseServer.open(t)
    await server.release('1.0.0')
    const machine = box(t, server)
    const dry = await machine.run(['--dry-run'], { shell })
    assert.equal(dry.code, 0, dry.err)
    assert.match(dry.out, /Would download .*\/1\.0\.0\/fomular-daemon-linux-\w+\.gz/)
    assert.deepEqual(machine.files(), [])

    const first = await machine.run([], { shell })
    assert.equal(first.code, 0, first.err)
    assert.deepEqual(
      machine.files().filter((path) => path.startsWith('.fomular')),
      INSTALLED,
    )
    const furnished = (version: string) => {
      for (const [path, what] of Object.entries(FURNISHED))
        assert.equal(readFileSync(join(machine.home, path), 'utf8'), `${what} of ${version}\n`)
    }
    furnished('1.0.0')
    assert.equal(await versionOf(machine), '1.0.0')
    assert.equal(readlinkSync(join(machine.prefix, 'current')), 'versions/1.0.0')
    assert.equal(readlinkSync(join(machine.prefix, 'bin/fomular-daemon')), '../current/bin/fomular-daemon')
    assert.match(first.out, /export PATH="[^"]*\.fomular\/bin:\$PATH"/)

    const before = server.requests.length
    const second = await machine.run([], { shell, env: { PATH: `${machine.prefix}/bin:${machine.bin}` } })
    assert.deepEqual(
      [second.code, second.out],
      [0, `fomular-daemon 1.0.0 is already installed in ${machine.prefix}.`],
    )
    assert.deepEqual(server.requests.slice(before), ['/latest', '/1.0.0/manifest.json'])

    for (const version of ['1.1.0', '1.2.0-rc.1', '1.2.0']) {
      await server.release(version)
      assert.equal((await machine.run([], { shell })).code, 0)
      assert.equal(await versionOf(machine), version)
      furnished(version)
    }
    assert.deepEqual(readdirSync(join(machine.prefix, 'versions')).sort(), ['1.2.0', '1.2.0-rc.1'])
    assert.equal((await machine.run(['--version=1.0.0'], { shell })).code, 0)
    assert.equal(await versionOf(machine), '1.0.0')

    writeFileSync(join(machine.prefix, 'mine'), '')
    assert.equal((await machine.run(['--uninstall', '--dry-run'], { shell })).code, 0)
    assert.equal(await versionOf(machine), '1.0.0')
    assert.equal((await machine.run(['--uninstall'], { shell })).code, 0)
    // The stub of the program records its calls next to it.
    assert.deepEqual(machine.files(), ['.fomular', '.fomular/mine', 'calls', 'leaked'])
  })

test('a damaged installation is repaired', async (t) => {
  const server = await ReleaseServer.open(t)
  await server.release('1.0.0')
  const machine = box(t, server)
  await machine.run()
  writeFileSync(join(machine.prefix, 'versions/1.0.0/bin/fomular-daemon'), '')
  rmSync(join(machine.prefix, 'current'))
  mkdirSync(join(machine.prefix, 'versions/.tmp-left'))
  assert.equal((await machine.run()).code, 0)
  assert.equal(await versionOf(machine), '1.0.0')
})
