import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { TestPostgres } from '../support/postgres.ts'
import { serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const UNIT = '/etc/systemd/system/fomular-hub.service'
const HUB = '/var/lib/fomular-hub'
/** Folder in the machine with the socket of a database. */
const DATABASE = '/run/hub-database'

test('a hub can be installed as a service, alone or together with the daemon', async (t) => {
  const database = await TestPostgres.start(t)
  chmodSync(database.socket, 0o755)
  const on = await serviceMachine(t, { binds: { [DATABASE]: database.socket } })
  const { machine, daemon, at } = on
  const service = async (...args: string[]) => {
    const { code, stdout, stderr } = await daemon(['service', ...args, '--json'])
    assert.equal(code, 0, stdout + stderr)
    return JSON.parse(stdout)
  }

  await t.test(
    '`service install` writes nothing if the port is in use, or if the hub would serve other machines without TLS',
    async () => {
      const taken = await daemon(['service', 'install', 'hub', '--json'])
      assert.equal(JSON.parse(taken.stdout).error.code, 'port_in_use')
      const open = await daemon([
        'service',
        'install',
        'hub',
        '--host',
        '0.0.0.0',
        '--port',
        '4001',
        '--json',
      ])
      assert.equal(JSON.parse(open.stdout).error.code, 'hub_insecure')
      const server = await daemon(['service', 'install', 'hub', '--server-url', 'ws://x', '--json'])
      assert.match(JSON.parse(server.stdout).error.message, /--server-url is not a flag of a hub/)
      assert.ok(!existsSync(at(UNIT)))
      await machine.out(['systemctl', 'stop', 'hub'])
    },
  )

  await t.test('an installed hub with its own user and a low port is ready once it listens', async () => {
    await machine.out([
      'sh',
      '-c',
      'umask 077; openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout /root/key.pem -out /root/cert.pem 2>/dev/null',
    ])
    const flags = ['--port', '443', '--tls-cert', '/root/cert.pem', '--tls-key', '/root/key.pem']
    const dry = await daemon(['service', 'install', 'hub', ...flags, '--dry-run'])
    assert.match(dry.stdout, /write \/etc\/systemd\/system\/fomular-hub\.service/)
    assert.ok(!existsSync(at(UNIT)))
    const installed = await service('install', 'hub', ...flags)
    assert.deepEqual(
      [installed.name, installed.running, installed.says, installed.runs],
      ['fomular-hub', true, 'Listening on https://127.0.0.1:443', 'hub'],
    )
    assert.equal((await daemon(['service', 'print', 'hub', ...flags])).stdout, readFileSync(at(UNIT), 'utf8'))
    assert.doesNotMatch(await machine.out(['stat', '-c', '%U', `/proc/${installed.pid}`]), /^root/)
    assert.equal(statSync(at(`${HUB}/user.key`)).mode & 0o777, 0o600)
    const env = { NODE_EXTRA_CA_CERTS: '/root/cert.pem' }
    const added = await daemon(['machine', 'add', '--name', 'x', '--json'], { env })
    assert.equal(added.code, 0, added.stdout + added.stderr)
    // Another user gets an error with the command to type.
    const refused = await daemon(['machine', 'list'], { user: 'bob' })
    assert.match(refused.stderr, /sudo .*machine list/)
  })

  await t.test(
    'commands find a hub that runs as a service, and `service install` with new flags updates the service',
    async () => {
      const found = await service('status')
      assert.equal(found.name, 'fomular-hub')
      const changed = await service('install', 'hub', '--port', '3001')
      assert.equal(changed.says, 'Listening on http://127.0.0.1:3001')
      const again = await service('install', 'hub', '--port', '3001')
      assert.deepEqual(
        [again.pid, again.done.filter((text: string) => text.startsWith('wrote'))],
        [changed.pid, []],
      )
      const restarted = await service('restart')
      assert.notEqual(restarted.pid, changed.pid)

      await machine.out(['sh', '-c', 'umask 077; echo secret >/root/password'])
      const name = await database.create()
      const store = ['--store', database.url(name, DATABASE), '--store-password-file', '/root/password']
      const moved = await service('install', 'hub', '--port', '3001', ...store)
      assert.equal(moved.says, 'Listening on http://127.0.0.1:3001')
      const keys = await database.query(name, "select content from list where name = 'keys'")
      assert.equal(keys.length, 1)
      await service('uninstall')
      assert.ok(!existsSync(at(UNIT)) && existsSync(at(`${HUB}/user.key`)))
    },
  )

  await t.test('agents survive a restart of a service for hub and daemon', async () => {
    const up = await service('install', 'up', '--user', 'bob')
    assert.deepEqual([up.name, up.runs, up.running], ['fomular-daemon', 'up', true])
    const run = async <T>(...args: string[]): Promise<T> => {
      const { code, stdout, stderr } = await daemon([...args, '--json'])
      assert.equal(code, 0, stdout + stderr)
      return JSON.parse(stdout)
    }
    const { agent_id } = await run<{ agent_id: string }>('agent', 'start', '--cwd', '/tmp')
    const idle = async () => {
      const { agents } = await run<{
        agents: { agent_id: string; state: string; connected: boolean; pid: number }[]
      }>('agent', 'list')
      const found = agents.find((each) => each.agent_id === agent_id)
      return found?.connected && found.state === 'idle' && found
    }
    const before = await until(idle, { what: 'the agent' })
    const restarted = await service('restart')
    assert.notEqual(restarted.pid, up.pid)
    const after = await until(idle, { what: 'the agent again' })
    assert.equal(after.pid, before.pid)
    await service('stop')
    const bobs = "for p in /proc/[0-9]*; do stat -c '%U %n' $p; done 2>/dev/null | grep ^bob || true"
    assert.equal(await machine.out(['sh', '-c', bobs]), '')
    // Files that the user cannot read cause a clear error.
    await machine.out(['sh', '-c', 'mkdir -m 700 /srv/closed && touch /srv/closed/daemon.log'])
    const log = await daemon(['logs', '--state-dir', '/srv/closed'], { user: 'bob' })
    assert.deepEqual([log.code, log.stdout], [4, ''])
    assert.match(log.stderr, /^error: This user may not read \/srv\/closed\/daemon\.log\.\n.*with sudo/)
    await service('uninstall', '--purge')
  })

  await t.test('a hub under a user’s own systemd can be installed, restarted, and removed', async () => {
    await machine.out(['loginctl', 'enable-linger', 'bob'])
    const bus = async () => (await machine.run(['sh', '-c', 'test -S /run/user/*/bus'])).code === 0
    await until(bus, { what: 'the systemd of bob' })
    const own = async (...args: string[]) => {
      const { code, stdout, stderr } = await daemon([...args, '--json'], { user: 'bob' })
      assert.equal(code, 0, stdout + stderr)
      return JSON.parse(stdout)
    }
    const installed = await own('service', 'install', 'hub')
    assert.deepEqual(
      [installed.running, installed.says, installed.state_dir],
      [true, 'Listening on http://127.0.0.1:3001', '/home/bob/.fomular/state/hub'],
    )
    assert.deepEqual((await own('machine', 'list')).machines, [])
    const restarted = await own('service', 'restart')
    assert.notEqual(restarted.pid, installed.pid)
    await own('service', 'uninstall', '--purge')
    assert.equal(await machine.out(['find', '/home/bob', '-name', 'fomular*']), '')
  })
})
