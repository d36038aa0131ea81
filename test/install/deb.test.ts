import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeRepository, STANZAS } from '../../packaging/apt.ts'
import { factsOf } from '../../packaging/manifest.ts'
import { aptSigner } from '../../packaging/openpgp.ts'
import type { HubAgent, HubMachine } from '../../src/protocol/index.ts'
import { Booted } from '../support/booted.ts'
import { realRelease } from '../support/real-release.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const arch = process.arch === 'arm64' ? { node: 'arm64', deb: 'arm64' } : { node: 'x64', deb: 'amd64' }
const NEXT = '99.0.0'
const HUB = ['--hub', 'http://127.0.0.1:3001', '--hub-key-file', '/var/lib/hub/user.key', '--json']

/**
 * Makes a release folder, and a copy of it with a second version that differs only in its version number.
 * Both folders are signed for apt.
 */
async function repository(t: TestContext): Promise<{ first: string; both: string }> {
  const release = await realRelease(`linux-${arch.node}`)
  const dir = tempDir(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const signer = await aptSigner(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  const first = join(dir, 'first')
  const both = join(dir, 'both')
  cpSync(release, first, { recursive: true })
  await makeRepository(first, signer, new Date())
  cpSync(first, both, { recursive: true })
  const work = mkdtempSync(join(dir, 'deb-'))
  const deb = join(first, version, `fomular-daemon_${version}_${arch.deb}.deb`)
  execFileSync('dpkg-deb', ['-R', deb, work])
  const control = join(work, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${NEXT}`))
  mkdirSync(join(both, NEXT))
  const next = join(both, NEXT, basename(deb).replace(version, NEXT))
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Znone', work, next], { stdio: 'ignore' })
  const { size, sha256 } = factsOf(join(both, NEXT), basename(next))
  const stanza = readFileSync(join(first, version, STANZAS), 'utf8')
    .replace(/^Version: .*$/m, `Version: ${NEXT}`)
    .replace(/^Filename: .*$/m, `Filename: ${NEXT}/${basename(next)}`)
    .replace(/^Size: .*$/m, `Size: ${size}`)
    .replace(/^SHA256: .*$/m, `SHA256: ${sha256}`)
  writeFileSync(join(both, NEXT, STANZAS), stanza)
  await makeRepository(both, signer, new Date())
  rmSync(work, { recursive: true })
  return { first, both }
}

for (const release of ['bookworm', 'trixie'] as const)
  test(`apt verifies, installs, upgrades, removes, and purges the package from a hub (${release})`, async (t) => {
    const { first, both } = await repository(t)
    const program = join(first, version, `fomular-daemon-linux-${arch.node}`)
    const machine = await Booted.boot(
      t,
      {
        '/srv/first': first,
        '/srv/both': both,
        '/opt/hub-program': program,
        '/usr/local/bin/node': process.execPath,
        '/opt/support': fileURLToPath(new URL('../support', import.meta.url)),
      },
      { release },
    )
    const sh = (line: string) => machine.out(['sh', '-c', line])
    const releases = '/var/lib/hub/releases'
    await sh(`mkdir -p -m 700 /var/lib/hub && ln -sfn /srv/first ${releases}`)
    await machine.out([
      'systemd-run',
      '--quiet',
      '--unit=hub',
      '/opt/hub-program',
      'hub',
      '--data-dir',
      '/var/lib/hub',
    ])
    const hub = async <T>(...args: string[]): Promise<T> =>
      JSON.parse(await machine.out(['/opt/hub-program', ...args, ...HUB]))
    await until(async () => (await machine.run(['/opt/hub-program', 'machine', 'list', ...HUB])).code === 0, {
      what: 'the hub',
    })

    await t.test('apt refuses an index that was changed in transit', async () => {
      await sh('rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p /etc/apt/keyrings')
      await sh(
        'curl -fsSL http://127.0.0.1:3001/releases/fomular-daemon.asc -o /etc/apt/keyrings/fomular-daemon.asc',
      )
      const signed = '[signed-by=/etc/apt/keyrings/fomular-daemon.asc]'
      const list = '/etc/apt/sources.list.d/fomular-daemon.list'
      await sh(`echo "deb ${signed} http://127.0.0.1:3001/releases apt/" >${list}`)
      await sh(
        `cp -r /srv/first /srv/changed && sed -i s/^Package/X/ /srv/changed/apt/Packages && gzip -kf /srv/changed/apt/Packages`,
      )
      await sh(`ln -sfn /srv/changed ${releases}`)
      const hash = await machine.run(['apt-get', 'update'])
      assert.notEqual(hash.code, 0)
      assert.match(hash.stderr, /Hash Sum mismatch|unexpected size/)
      await sh('sed -i "s/^Label.*/Label: another/" /srv/changed/apt/InRelease; rm -rf /var/lib/apt/lists/*')
      const signature = await machine.run(['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any'])
      assert.notEqual(signature.code, 0, signature.stdout)
      assert.match(
        signature.stderr,
        /BADSIG|not signed|Bad signature|couldn't be verified|verification failed/i,
      )
      await sh(`ln -sfn /srv/first ${releases}; rm -rf /var/lib/apt/lists/*`)
    })

    await t.test('the installation starts nothing and prints the next steps', async () => {
      const updated = await sh('apt-get update 2>&1')
      assert.doesNotMatch(updated, /^(W|E):/m)
      const said = await sh('apt-get install --yes --no-install-recommends fomular-daemon 2>&1')
      assert.match(said, /nothing runs yet/)
      assert.equal((await sh('fomular-daemon --version')).trim(), version)
      assert.match(await sh('systemctl is-enabled fomular-daemon || true'), /disabled/)
      assert.match(await sh('systemctl is-active fomular-daemon || true'), /inactive/)
      assert.equal(await sh('dpkg --verify fomular-daemon; dpkg --audit'), '')
      assert.equal(await sh('systemd-analyze verify fomular-daemon.service 2>&1'), '')
      // The unit does not start without a key.
      await sh('systemctl start fomular-daemon')
      assert.match(await sh('systemctl is-active fomular-daemon || true'), /inactive/)
    })

    const connected = async () => {
      const { machines } = await hub<{ machines: HubMachine[] }>('machine', 'list')
      return machines.find((each) => each.connected)
    }
    const agent = async (id = 'worker') =>
      (await hub<{ agents: HubAgent[] }>('agent', 'list')).agents.find(({ agent_id }) => agent_id === id)
    let pid: number | undefined

    await t.test('with a key, the daemon runs as a separate user, and only apt updates it', async () => {
      await sh(
        'printf \'#!/bin/sh\\nexec node /opt/support/fake-agent-program.ts "$@"\\n\' >/usr/local/bin/claude; chmod 755 /usr/local/bin/claude',
      )
      await sh(`echo 'server_url = "ws://127.0.0.1:3001"' >>/etc/fomular-daemon/config.toml`)
      await sh(
        'install -m 600 /var/lib/hub/machine.key /etc/fomular-daemon/key; systemctl enable --now fomular-daemon',
      )
      await until(connected, { what: 'the daemon at the hub' })
      assert.equal(
        (
          await sh(
            'ps -o user:20= -p "$(systemctl show -P MainPID fomular-daemon)" || stat -c %U /proc/"$(systemctl show -P MainPID fomular-daemon)"',
          )
        ).trim(),
        'fomular-daemon',
      )
      await hub('agent', 'start', '--id', 'worker', '--cwd', '/tmp')
      await until(async () => (await agent())?.state === 'idle', { what: 'the agent' })
      pid = (await agent())?.pid
      const update = await machine.run(['fomular-daemon', 'update', NEXT])
      assert.equal(update.code, 4, update.stderr)
      assert.match(update.stderr, /installed with apt/)
      assert.match(update.stderr, /apt-get install fomular-daemon/)
    })

    await t.test(
      "the service commands recognize the package's unit, but only apt can remove it",
      async () => {
        const status = async () =>
          JSON.parse(await machine.out(['fomular-daemon', 'service', 'status', '--json']))
        const before = await status()
        assert.equal(before.file, '/usr/lib/systemd/system/fomular-daemon.service')
        assert.deepEqual([before.installed, before.running, before.user], [true, true, 'fomular-daemon'])
        assert.match(
          await machine.out(['fomular-daemon', 'service', 'logs', '--lines', '5']),
          /fomular-daemon/,
        )
        await machine.out(['fomular-daemon', 'service', 'restart'])
        assert.notEqual((await status()).pid, before.pid)
        assert.equal((await agent())?.pid, pid)
        for (const args of [[], ['--dry-run'], ['--purge']]) {
          const uninstall = await machine.run(['fomular-daemon', 'service', 'uninstall', ...args])
          assert.equal(uninstall.code, 4, uninstall.stdout)
          assert.match(uninstall.stderr, /sudo apt-get remove fomular-daemon/)
        }
        assert.equal((await status()).running, true)
      },
    )

    const hubPid = async () => (await sh('systemctl show -P MainPID fomular-hub')).trim()

    await t.test('an upgrade restarts the daemon while its agent keeps running', async () => {
      const installed = await machine.run(['fomular-daemon', 'service', 'install', 'hub', '--port', '3002'])
      assert.equal(installed.code, 0, installed.stderr)
      const oldHub = await hubPid()
      const before = (await connected())?.since
      await sh(`ln -sfn /srv/both ${releases}; apt-get update 2>&1`)
      const said = await sh(
        'apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold fomular-daemon 2>&1',
      )
      assert.match(said, new RegExp(`Setting up fomular-daemon \\(${NEXT}`))
      assert.doesNotMatch(said, /still runs the previous version/)
      await until(async () => ((await connected())?.since ?? '') > (before ?? ''), {
        what: 'the next daemon',
      })
      assert.equal((await agent())?.pid, pid)
      assert.equal((await agent())?.state, 'idle')
      assert.notEqual(await hubPid(), oldHub, 'a hub that runs the package’s program also restarts')
      assert.equal(await sh('systemctl is-active fomular-hub'), 'active\n')
    })

    await t.test(
      "an upgrade also restarts an ordinary user's daemon while its agent keeps running",
      async () => {
        await sh('useradd --create-home deploy')
        const key = ['--key-file', '/var/lib/hub/machine.key']
        const install = ['fomular-daemon', 'service', 'install', '--user', 'deploy', ...key]
        const installed = await machine.run([...install, '--server-url', 'ws://127.0.0.1:3001'])
        assert.equal(installed.code, 0, installed.stderr)
        assert.match(installed.stderr, /has run as fomular-daemon, and will run as deploy/)
        assert.equal(await sh(`test ! -d /proc/${pid} && echo ended`), 'ended\n')
        await until(connected, { what: 'the daemon of deploy' })
        await hub('agent', 'start', '--id', 'second', '--cwd', '/tmp')
        await until(async () => (await agent('second'))?.state === 'idle', { what: 'the agent of deploy' })
        pid = (await agent('second'))?.pid
        assert.equal((await sh(`stat -c %U /proc/${pid}`)).trim(), 'deploy')
        const before = (await connected())?.since
        const said = await sh('apt-get install --yes --reinstall fomular-daemon 2>&1')
        assert.doesNotMatch(said, /still runs the previous version/)
        await until(async () => ((await connected())?.since ?? '') > (before ?? ''), {
          what: 'the next daemon',
        })
        assert.equal((await agent('second'))?.pid, pid)
      },
    )

    await t.test('a removal ends the agent, but only a purge deletes settings and state', async () => {
      await sh('apt-get remove --yes fomular-daemon 2>&1')
      assert.equal(await sh(`test ! -d /proc/${pid} && echo ended`), 'ended\n')
      assert.equal((await machine.run(['which', 'fomular-daemon'])).code, 1)
      assert.match(await sh('systemctl is-active fomular-hub || true'), /inactive/)
      await sh('test -e /etc/fomular-daemon/key && test -e /var/lib/fomular-daemon/machine.json')
      const said = await sh('apt-get purge --yes fomular-daemon 2>&1')
      assert.match(said, /Kept \/var\/lib\/fomular-hub of the service fomular-hub/)
      assert.equal((await machine.run(['test', '-e', '/etc/systemd/system/fomular-hub.service'])).code, 1)
      assert.equal(
        await sh(
          'ls -d /etc/fomular-daemon /var/lib/fomular-daemon* /usr/lib/fomular-daemon 2>/dev/null || true',
        ),
        '',
      )
      assert.equal(await sh('systemctl list-unit-files --no-legend "fomular-daemon*" || true'), '')
    })
  })
