// Needs: root, openssl
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HubMachine } from '../../src/protocol/index.ts'
import { Booted, type Ran } from '../support/booted.ts'
import { certificates } from '../support/certificates.ts'
import { realRelease } from '../support/real-release.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const platform = `linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`
const HUB_ADDRESS = '10.9.0.1'
/** Puts the hub's unit into another network namespace, as if the hub were on another machine. */
const ELSEWHERE = '[Service]\nNetworkNamespacePath=/run/netns/hub\n'
const NETWORK = `
  ip netns add hub
  ip -n hub link set lo up
  ip link add near type veth peer name far netns hub
  ip addr add 10.9.0.2/24 dev near && ip link set near up
  ip -n hub addr add ${HUB_ADDRESS}/24 dev far && ip -n hub link set far up
  echo '${HUB_ADDRESS} hub.example.com' >>/etc/hosts`

test('`machine add` prints a line that connects another machine, as root or as a user, with a private certificate authority', {
  timeout: 20 * 60_000,
}, async (t) => {
  const machine = await Booted.boot(
    t,
    { '/srv/releases': await realRelease(platform) },
    { packages: ['iproute2', 'sudo', 'wget'] },
  )
  const write = (path: string, data: string | Buffer) => writeFileSync(join(machine.root, path), data)
  const sh = (script: string) => machine.out(['sh', '-ec', script])
  const hubProgram = `/srv/releases/${version}/fomular-daemon-${platform}`

  // Sets up the hub's machine with the commands from the documentation.
  await sh(NETWORK)
  const { authority, certificate, key } = certificates(tempDir(t), ['hub.example.com'])
  mkdirSync(join(machine.root, 'etc/systemd/system/fomular-hub.service.d'), { recursive: true })
  write('etc/systemd/system/fomular-hub.service.d/elsewhere.conf', ELSEWHERE)
  write('root/cert.pem', readFileSync(certificate))
  write('root/key.pem', readFileSync(key))
  const there = (words: string) => `ip netns exec hub ${hubProgram} ${words}`
  const tls = '--tls-cert /root/cert.pem --tls-key /root/key.pem'
  await sh(there(`service install hub --host 0.0.0.0 --port 443 ${tls}`))
  await sh('ln -s /srv/releases /var/lib/fomular-hub/releases')
  write('root/ca.pem', readFileSync(authority))
  const machines = async () =>
    (JSON.parse(await sh(there('machine list --json'))) as { machines: HubMachine[] }).machines
  assert.deepEqual(await machines(), [])

  /** Runs `machine add`. @returns the lines that the command prints for the new machine */
  const add = async (name: string, flags = '') => {
    const printed = await sh(there(`machine add --name ${name} ${flags} 2>&1`))
    assert.match(printed, /uses hub\.example\.com, a name in the hub's certificate/)
    return printed.split('\n').flatMap((line) => /^ {2}(echo fet_.*)$/.exec(line)?.[1] ?? [])
  }
  const connected = (name: string) =>
    until(async () => (await machines()).find((each) => each.name === name && each.connected), {
      what: `${name} at the hub`,
      timeoutMs: 60_000,
    })
  const failsWithout = ({ code, stderr }: Ran) => {
    assert.notEqual(code, 0)
    assert.match(stderr, /curl: \(60\)/)
  }

  await t.test('root gets a service, which reconnects after a restart', async () => {
    const [bare = ''] = await add('bare')
    failsWithout(await machine.run(['bash', '-c', bare]))
    const [line = ''] = await add('d12', '--ca-file /root/ca.pem')
    const said = await machine.out(['bash', '-c', line])
    assert.match(said, /This machine is enrolled at https:\/\/hub\.example\.com as d12\./)
    await connected('d12')
    assert.match(await sh('ls /tmp/tmp.* 2>&1 || true'), /No such file/)
    await sh('fomular-daemon service restart')
    const { machine_id } = await connected('d12')
    await sh(there(`machine rename d12 'Büro 12'`))
    assert.equal((await connected('Büro 12')).machine_id, machine_id)
    // Old installers wrote a temporary path of the authority's certificate into the settings.
    const config = '/root/.fomular/config.toml'
    await sh(`sed -i 's,^ca_file.*,ca_file = "/tmp/gone.pem",' ${config}`)
    const again = await machine.out(['bash', '-c', line])
    assert.match(again, /already enrolled at https:\/\/hub\.example\.com as Büro 12\./)
    assert.match(await sh(`cat ${config}`), /^ca_file = "\/opt\/fomular\/ca\.pem"$/m)
    await sh('fomular-daemon service restart')
    await connected('Büro 12')
    await sh(
      `curl -fsS --cacert /root/ca.pem https://hub.example.com/install.sh >/tmp/install.sh && sh /tmp/install.sh --uninstall --purge`,
    )
    assert.equal((await sh('systemctl is-active fomular-hub')).trim(), 'active', 'the hub still runs')
    await sh(there(`machine remove 'Büro 12'`))
  })

  await sh(
    'useradd --create-home --shell /bin/bash ada; echo "ada ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ada',
  )
  await t.test('an ordinary user who puts sudo before sh gets the same installation as root', async () => {
    const lines = await add('by-ada', '--ca-file /root/ca.pem')
    assert.equal(lines.length, 2, 'a line with curl and a line with wget')
    const line = lines[1]!.replace('| sh -c', '| sudo sh -c')
    const said = await machine.out(['bash', '-c', line], { user: 'ada' })
    assert.match(said, /installed in \/opt\/fomular[\s\S]*as by-ada\./)
    await connected('by-ada')
    assert.equal(await sh('ls -A /home/ada/.fomular 2>/dev/null || true'), '')
    await sh('sh /tmp/install.sh --uninstall --purge')
    await sh(there('machine remove by-ada'))
  })

  await t.test('an ordinary user without sudo gets an installation only for that user', async () => {
    const [line = ''] = await add('of-ada', '--ca-file /root/ca.pem')
    const said = await machine.out(['bash', '-c', line], { user: 'ada' })
    assert.match(said, /installed in \/home\/ada\/\.fomular[\s\S]*as of-ada\./)
    await connected('of-ada')
    const left = await machine.out(['bash', '-lc', 'sh /tmp/install.sh --uninstall --purge; ls -A ~'], {
      user: 'ada',
    })
    assert.doesNotMatch(left, /\n\.fomular\n/)
  })
})
