import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Booted } from '../support/booted.ts'
import { realRelease } from '../support/real-release.ts'
import { until } from '../support/wait.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const platform = `linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`

test('a user without a service manager installs, runs, and uninstalls the daemon', async (t) => {
  const machine = await Booted.boot(t, { '/srv/releases': await realRelease(platform) })
  await machine.out(['useradd', '--create-home', '--shell', '/bin/bash', 'bob'])
  const program = `/srv/releases/${version}/fomular-daemon-${platform}`
  await machine.out(['sh', '-c', 'mkdir -p -m 700 /var/lib/hub && ln -s /srv/releases /var/lib/hub/releases'])
  await machine.out(['systemd-run', '--quiet', '--unit=hub', program, 'hub', '--data-dir', '/var/lib/hub'])
  const HUB = ['--hub', 'http://127.0.0.1:3001', '--hub-key-file', '/var/lib/hub/user.key', '--json']
  const hub = async (...args: string[]) => JSON.parse(await machine.out([program, ...args, ...HUB]))
  await until(async () => (await machine.run([program, 'machine', 'list', ...HUB])).code === 0, {
    what: 'the hub',
  })
  const connected = async () =>
    (await hub('machine', 'list')).machines.filter((each: { connected: boolean }) => each.connected)

  const bob = (line: string) => machine.out(['sh', '-c', line], { user: 'bob' })
  const { install } = await hub('machine', 'add')
  const said = await bob(install)
  assert.match(said, /is installed in \/home\/bob\/\.fomular/)
  assert.match(said, /The daemon is running and connected\. It does not start after a reboot/)
  assert.match(said, /export PATH="\$HOME\/\.fomular\/bin:\$PATH"/)
  assert.equal((await connected()).length, 1)
  assert.equal((await machine.out(['stat', '-c', '%a', '/home/bob/.fomular/key'])).trim(), '600')

  const [{ since }] = await connected()
  await bob('~/.fomular/bin/fomular-daemon restart')
  await until(async () => (await connected())[0]?.since > since, { what: 'the next daemon' })

  const curl = 'curl -fsSL http://127.0.0.1:3001/install.sh'
  assert.match(await bob(`${curl} | sh -s -- --uninstall`), /State and settings remain/)
  assert.deepEqual(await connected(), [])
  assert.equal(await bob('ls -A ~/.fomular'), 'config.toml\nkey\nkey.machine\nservers.json\nstate\n')
  await bob(`${curl} | sh -s -- --uninstall --purge`)
  assert.equal((await machine.run(['ls', '/home/bob/.fomular'])).code, 2)
})
