// Needs: dpkg-deb
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Booted } from '../support/booted.ts'
import { tempDir } from '../support/temp.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** Installs a package in the same way as the test suites do. */
const INSTALL = `
import { execFileSync } from 'node:child_process'
import { withoutServices } from '/checkout/test/suite/without-services.ts'
await withoutServices(async () => execFileSync('dpkg', ['--install', process.argv[1]]))
`

/** The script that debhelper adds to every package with a service. */
const POSTINST = `#!/bin/sh
set -e
deb-systemd-helper enable probe.service
systemctl --system daemon-reload
deb-systemd-invoke start probe.service
`

function probe(dir: string): string {
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
    chmodSync(join(dir, path), 0o755)
  }
  put(
    'tree/DEBIAN/control',
    'Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: probe\n',
  )
  put('tree/DEBIAN/postinst', POSTINST)
  put('tree/DEBIAN/postrm', '#!/bin/sh\ndeb-systemd-helper purge probe.service\n')
  put(
    'tree/usr/lib/systemd/system/probe.service',
    '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n',
  )
  const file = join(dir, 'probe.deb')
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', join(dir, 'tree'), file], { stdio: 'ignore' })
  return file
}

test('when the packages for the tests are installed, no service starts, now or at boot, and no policy-rc.d is left behind', async (t) => {
  const deb = probe(tempDir(t))
  const binds = { '/checkout': checkout, '/probe.deb': deb, '/opt/node': process.execPath }
  const machine = await Booted.boot(t, binds)
  const is = async (what: string) => (await machine.run(['systemctl', what, 'probe'])).stdout.trim()
  const install = () =>
    machine.out(['/opt/node', '--input-type=module-typescript', '--eval', INSTALL, '/probe.deb'])
  await install()
  assert.deepEqual([await is('is-active'), await is('is-enabled')], ['inactive', 'disabled'])
  assert.ok(!existsSync(join(machine.root, 'usr/sbin/policy-rc.d')))

  // A normal installation starts the service. The test suites do not stop a service that is already running.
  await machine.out(['dpkg', '--purge', 'probe'])
  await machine.out(['dpkg', '--install', '/probe.deb'])
  assert.deepEqual([await is('is-active'), await is('is-enabled')], ['active', 'enabled'])
  await install()
  assert.deepEqual([await is('is-active'), await is('is-enabled')], ['active', 'enabled'])
})
