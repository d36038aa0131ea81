// Needs: root, python3, unshare, busybox
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { carriedSettings } from '../../src/cli/service/inherited-settings.ts'
import { livingHub } from '../../src/config/hub.ts'
import { routeToServer } from '../../src/config/route-to-server.ts'
import { checkOwner } from '../../src/config/server-owner.ts'
import { ownerOfPeer } from '../../src/platform/peer-owner.ts'
import { TestHub } from '../support/hub.ts'
import { Squatter } from '../support/squatter.ts'
import { freePort, Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const NOBODY = 65534

/** Returns a stopped hub, with its keys and the home of a daemon that was connected to it. */
async function down(t: TestContext) {
  const stage = await Stage.open(t)
  const hub = await stage.hub()
  const { FOMULAR_HUB_URL: _url, ...env } = stage.env
  const run = (args: string[]) => stage.run(args, { ...env, FOMULAR_HUB_URL: '' })
  const listed = run(['agent', 'list'])
  assert.equal(await listed.ended, 0, listed.log())
  const daemon = await stage.daemon()
  daemon.kill('SIGTERM')
  await daemon.ended
  hub.kill('SIGTERM')
  await hub.ended
  return { stage, run }
}

test('a squatter on the port of a stopped hub gets neither the user key nor the machine key', async (t) => {
  const { stage, run } = await down(t)
  const squatter = await Squatter.sit(t, '127.0.0.1', stage.port)
  for (const args of [
    ['agent', 'list'],
    ['agent', 'list', '--hub', stage.hubUrl],
    ['machine', 'list'],
  ]) {
    const command = run(args)
    assert.equal(await command.ended, 1, command.log())
    assert.match(command.log(), /run by nobody, who is not the server's user: no key was sent/)
    assert.match(command.log(), /FOMULAR_SERVER_USER=nobody/)
  }
  const daemon = run(stage.daemonArgs())
  await until(() => daemon.log().includes('no key was sent'), { what: 'the refusal' })
  const doctor = run(['doctor', ...stage.daemonArgs().slice(1, 5)])
  await doctor.ended
  assert.match(doctor.log(), /no key was sent/)
  assert.equal(squatter.heard(), '')
  // The daemon keeps trying to connect, and succeeds when the hub runs again.
  await squatter.leave()
  await stage.hub()
  await until(() => daemon.log().includes('connected'), { what: 'the link' })
})

test('another user’s hub on this machine gets no key at the first connection', async (t) => {
  const { stage, run } = await down(t)
  const squatter = await Squatter.sit(t, '127.0.0.1', stage.port)
  const daemon = run([...stage.daemonArgs(), '--state-dir', join(stage.dir, 'new')])
  await until(() => daemon.log().includes('no key was sent'), { what: 'the refusal' })
  assert.equal(squatter.heard(), '')
})

test('doctor reports another user’s server before the first connection, and sends it nothing', async (t) => {
  const stage = await Stage.open(t)
  const squatter = await Squatter.sit(t, '127.0.0.1', stage.port)
  const doctor = stage.run(['doctor', '--json', '--server-url', `ws://127.0.0.1:${stage.port}`, '--key', 'k'])
  await doctor.ended
  const { findings } = JSON.parse(doctor.log())
  const { level, message } = findings.find(({ check }: { check: string }) => check === 'server')
  assert.equal(level, 'warning')
  assert.match(message, /is run by nobody/)
  assert.equal(squatter.heard(), '')
})

test('a squatter that accepts no connections on its port gets no key', async (t) => {
  const { stage, run } = await down(t)
  const squatter = await Squatter.sit(t, '127.0.0.1', stage.port, { takes: false })
  const command = run(['agent', 'list'])
  assert.equal(await command.ended, 1)
  assert.match(command.log(), /run by nobody/)
  assert.equal(squatter.heard(), '')
})

test('localhost means 127.0.0.1 first, and a server on [::1] gets no key', async (t) => {
  const { stage } = await down(t)
  const squatter = await Squatter.sit(t, '::1', stage.port)
  const url = `ws://localhost:${stage.port}`
  const hub = await stage.hub()
  const daemon = await stage.daemon({}, url)
  hub.kill('SIGTERM')
  await hub.ended
  await until(() => daemon.log().includes('no key was sent'), { what: 'the refusal' })
  const token = { FOMULAR_ENROLL_TOKEN: 'a-token' }
  const enrolling = stage.run(['enroll', '--server-url', url], token)
  assert.equal(await enrolling.ended, 1)
  assert.match(enrolling.log(), /no key was sent|run by nobody/)
  assert.equal(squatter.heard(), '')
})

test('commands on the hub’s machine use its private socket, even if another user holds the port', async (t) => {
  const stage = await Stage.open(t)
  const up = stage.run(['up', '--port', String(stage.port), '--verbose'], { FOMULAR_HUB_URL: '' })
  await until(() => up.log().includes('Ctrl-C stops everything'), { what: 'up' })
  const socket = join(stage.state, 'hub/hub.sock')
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  // Neither the daemon nor a command has a connection to the port.
  const list = stage.run(['machine', 'list', '--json'], { FOMULAR_HUB_URL: '' })
  assert.equal(await list.ended, 0, list.log())
  const port = `:${stage.port.toString(16).toUpperCase().padStart(4, '0')} `
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n')
  assert.deepEqual(
    rows.filter((row) => row.includes(port) && / 01 /.test(row)),
    [],
  )
  up.kill('SIGTERM')
  assert.equal(await up.ended, 0)
  assert.equal(existsSync(socket), false)
})

test('a record of a running hub is trusted only if it names that hub’s process', async (t) => {
  const hub = await TestHub.open(t)
  const record = JSON.parse(readFileSync(join(hub.dir, 'hub.json'), 'utf8'))
  const written = (changes: object) => {
    writeFileSync(join(hub.dir, 'hub.json'), JSON.stringify({ ...record, ...changes }))
    return livingHub(hub.dir)?.url
  }
  assert.equal(written({}), hub.url)
  assert.equal(written({ pid: 2 ** 22 - 1 }), undefined)
  assert.equal(written({ start: '1' }), undefined)
  // In a container, one boot can have two ids, so a different boot id proves nothing. After a real reboot,
  // the file is older than the process with the recorded pid.
  assert.equal(written({ boot_id: 'b' }), hub.url)
  const before = Date.now() / 1000 - 3600
  utimesSync(join(hub.dir, 'hub.json'), before, before)
  assert.equal(livingHub(hub.dir), undefined)
})

test('a key for this user’s hub is not sent to another user’s server, even if that server used the port before', (t) => {
  const file = join(tempDir(t), 'servers.json')
  const url = 'ws://127.0.0.1:3001'
  checkOwner(NOBODY, url, { file, notice: () => {} })
  assert.throws(() => checkOwner(NOBODY, url, { file, owner: 0 }), { code: 'server_foreign' })
})

test('a machine knows the owner of its server from the time of its enrollment', async (t) => {
  const stage = await Stage.open(t)
  const hub = await stage.hub()
  const home = stage.env.HOME!
  const { FOMULAR_HUB_URL: _url, ...env } = stage.env
  const { token } = await stage.api<{ token: string }>('POST', '/api/enrolments', {})
  const url = `ws://127.0.0.1:${stage.port}`
  const enrolling = stage.run(['enroll', '--server-url', url], { FOMULAR_ENROLL_TOKEN: token })
  assert.equal(await enrolling.ended, 0, enrolling.log())
  hub.kill('SIGTERM')
  await hub.ended
  const squatter = await Squatter.sit(t, '127.0.0.1', stage.port)
  // The daemon also sends no key if it uses a service's state folder, or connects to another name of this
  // machine.
  for (const args of [[], ['--server-url', `ws://localhost:${stage.port}`]]) {
    const daemon = stage.run(['run', '--state-dir', join(stage.dir, 'service'), ...args], env)
    await until(() => daemon.log().includes('no key was sent'), { what: 'the refusal' })
    daemon.kill('SIGTERM')
    await daemon.ended
  }
  // Try a command with another state folder, and a command that would send the key again.
  const elsewhere = { FOMULAR_STATE_DIR: join(stage.dir, 'elsewhere'), FOMULAR_HUB_KEY: 'a-user-key' }
  for (const [args, more] of [
    [['agent', 'list', '--hub', stage.hubUrl], elsewhere],
    [['enroll', '--server-url', url, '--force'], { FOMULAR_ENROLL_TOKEN: 'a-token' }],
  ] as const) {
    const command = stage.run([...args], { ...env, ...more })
    assert.notEqual(await command.ended, 0)
    assert.match(command.log(), /no key was sent/)
  }
  assert.equal(squatter.heard(), '')
  // A service of another user gets the recorded owner in its settings.
  const account = { name: 'nobody', uid: NOBODY, gid: NOBODY, home: '/nonexistent' }
  const { environment } = await carriedSettings(home, account as Parameters<typeof carriedSettings>[1])
  assert.equal(environment.FOMULAR_SERVER_USER, '0')
})

test('a group member’s socket in a folder that the group can write to gets no key', async (t) => {
  const stage = await Stage.open(t)
  await stage.hub()
  const dir = join(stage.state, 'hub')
  const [socket, heard] = [join(dir, 'hub.sock'), join(stage.dir, 'heard')]
  for (const path of [stage.dir, stage.state, dir]) chmodSync(path, 0o755)
  for (const mode of [0o770, 0o777]) {
    chownSync(dir, 0, NOBODY)
    chmodSync(dir, mode)
    rmSync(socket, { force: true })
    const server = createServer((connection) => connection.on('data', (data) => appendFileSync(heard, data)))
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    t.after(() => server.close())
    chownSync(socket, NOBODY, NOBODY)
    const list = stage.run(['agent', 'list'], { FOMULAR_HUB_URL: '' })
    // The command reaches the hub at its port instead, because the owner of the port is known.
    assert.equal(await list.ended, 0, list.log())
    assert.equal(existsSync(heard), false)
  }
})

test('the owner of a server that listens on IPv6, or on IPv4 and IPv6, is recognized', async (t) => {
  for (const [listens, hostname] of [
    ['::1', '[::1]'],
    ['::', '127.0.0.1'],
    ['0.0.0.0', 'localhost'],
    ['127.0.0.1', '0.0.0.0'],
    ['127.0.0.1', '[::ffff:127.0.0.1]'],
    ['127.0.0.2', '127.0.0.2'],
  ] as const) {
    const port = await freePort()
    const squatter = await Squatter.sit(t, listens, port)
    await assert.rejects(
      routeToServer(`ws://${hostname}:${port}`, {
        rules: () => ({ file: join(tempDir(t), 'servers.json') }),
      }),
      { code: 'server_unknown' },
    )
    await squatter.leave()
  }
})

test('the owner of a server at any other address of this machine is recognized', (t) => {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url))
  const script = `
    import { Squatter } from ${at('../support/squatter.ts')}
    import { routeToServer } from ${at('../../src/config/route-to-server.ts')}
    const outcomes = {}
    const ends = []
    for (const [listens, host] of [['10.9.8.7', '10.9.8.7'], ['0.0.0.0', '10.9.8.7'], ['fd00:0:0:1::8', '[fd00:0:0:1::8]'], ['::', '[fd00:0:0:1::8]']]) {
      const squatter = await Squatter.sit({ after: (end) => ends.push(end) }, listens, 3001)
      const rules = () => ({ file: ${JSON.stringify(join(tempDir(t), 'servers.json'))}, owner: 0 })
      outcomes[listens] = await routeToServer('ws://' + host + ':3001', { rules }).then(() => 'a route', ({ code }) => code)
      await squatter.leave()
    }
    for (const end of ends) await end()
    console.log(JSON.stringify(outcomes))`
  const net = [
    'busybox ip link set lo up',
    'busybox ip addr add 10.9.8.7/32 dev lo',
    'busybox ip addr add fd00:0:0:1::8/128 dev lo',
    'exec "$@"',
  ]
  const node = [process.execPath, '--input-type=module', '-e', script]
  const said = execFileSync('unshare', ['--net', 'sh', '-ec', net.join('\n'), 'sh', ...node], {
    encoding: 'utf8',
  })
  assert.deepEqual(Object.values(JSON.parse(said)), Array(4).fill('server_foreign'))
})

test('the owner of the port is checked if the system does not list the other end of the connection', async (t) => {
  const port = await freePort()
  const end = { localAddress: '127.0.0.1', localPort: 9, remoteAddress: '127.0.0.1', remotePort: port }
  const owner = () => ownerOfPeer(end as Socket)
  // No local program listens on the port, for example because the port belongs to a container.
  assert.equal(await owner(), undefined)
  for (const listens of ['127.0.0.1', '0.0.0.0', '::']) {
    const squatter = await Squatter.sit(t, listens, port)
    assert.equal(await owner(), NOBODY)
    // A local program that listens on the same port number as another machine's server is not that server.
    const beyond = { ...end, localAddress: '198.51.100.1', remoteAddress: '198.51.100.2' }
    assert.equal(await ownerOfPeer(beyond as Socket), undefined)
    await squatter.leave()
  }
})
