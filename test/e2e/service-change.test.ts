import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { HUB, MACHINE_KEY, SERVER, serviceMachine } from '../support/service-machine.ts'

const STATE = '/var/lib/fomular-daemon'
const ROOT_AGENTS =
  "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/environ; done 2>/dev/null | grep -c ^FOMULAR_AGENT="

test('a change of a service’s user or folder ends the agents of the service, and the command announces this', async (t) => {
  const on = await serviceMachine(t)
  const { machine, daemon, at } = on
  const as = (user: string, ...more: string[]) =>
    daemon(['service', 'install', '--user', user, ...SERVER, '--key-file', MACHINE_KEY, ...more])
  const marked = async () => (await machine.run(['sh', '-c', ROOT_AGENTS])).stdout.trim()
  const identity = () => JSON.parse(readFileSync(at(`${STATE}/machine.json`), 'utf8')).machine_id
  assert.equal((await as('root')).code, 0)
  const machineId = identity()
  const agent = await on.startAgent('--restart', 'on-loss', '--prompt', 'hello')
  const { pid } = await on.agentIs(agent, 'idle')

  await t.test('a dry run announces that the agents would end, but ends no agent', async () => {
    const dry = await as('bob', '--dry-run')
    assert.equal(dry.code, 0, dry.stderr)
    assert.match(dry.stdout, new RegExp(`1 agent runs: ${agent} .*ended gracefully`))
    assert.match(dry.stdout, /Sessions stay with root: bob cannot resume them/)
    assert.match(dry.stdout, /run systemctl stop fomular-daemon/)
    assert.equal((await on.agentIs(agent, 'idle')).pid, pid)
  })

  await t.test('the service changes from root to a user', async () => {
    const changed = await as('bob')
    assert.equal(changed.code, 0, changed.stderr)
    assert.match(changed.stderr, /ended gracefully first/)
    const found = await on.agentIs(agent, 'exited')
    assert.deepEqual(found.exit, { code: 0, reason: 'stopped' })
    assert.equal(await marked(), '0')
    const { pid: now } = await on.status()
    assert.match(await machine.out(['stat', '-c', '%U', `/proc/${now}`, STATE]), /^bob\nbob/)
    assert.equal(identity(), machineId)
    const resumed = await daemon(['agent', 'resume', agent, '--json', ...HUB])
    assert.notEqual(resumed.code, 0)
    assert.match(resumed.stdout, /belongs to root, but agents now run as bob/)
  })

  await t.test(
    'after a service changes to root, no file of the former user decides which program runs',
    async () => {
      const second = await on.startAgent()
      await on.agentIs(second, 'idle')
      const changed = await as('root')
      assert.equal(changed.code, 0, changed.stderr)
      assert.match(changed.stderr, /The state folder of bob is moved to \/var\/lib\/fomular-daemon\.of-bob/)
      assert.equal(await marked(), '0')
      assert.equal(await machine.out(['find', STATE, '!', '-user', 'root']), '')
      assert.equal(identity(), machineId)
      assert.ok(existsSync(at(`${STATE}.of-bob/agents/${second}/exit.json`)))
      assert.deepEqual((await on.agent(second)).exit, { code: 0, reason: 'stopped' })
    },
  )

  await t.test('the service changes to another state folder', async () => {
    const third = await on.startAgent()
    await on.agentIs(third, 'idle')
    const moved = await as('root', '--state-dir', '/srv/state')
    assert.equal(moved.code, 0, moved.stderr)
    assert.match(moved.stderr, /The records of its agents stay in \/var\/lib\/fomular-daemon/)
    assert.equal(await marked(), '0')
    assert.ok(existsSync(at('/srv/state/machine.json')))
    const refused = await as('bob', '--state-dir', '/srv/state')
    assert.equal(refused.code, 4)
    assert.match(refused.stderr, /\/srv\/state belongs to root, not to bob/)
    // Simulates a state folder after a change of bob's user id.
    await machine.out(['install', '-d', '-o', '4242', '/srv/old'])
    const orphaned = await as('bob', '--state-dir', '/srv/old')
    assert.match(orphaned.stderr, /belongs to user 4242.*\n.*chown -R -h bob: '\/srv\/old'/)
  })

  await t.test(
    'after the service’s user is changed by hand, the daemon reports the earlier user’s agents and starts no duplicates',
    async () => {
      assert.equal((await as('root', '--state-dir', STATE)).code, 0)
      const fourth = await on.startAgent('--restart', 'on-loss')
      const before = await on.agentIs(fourth, 'idle')
      on.write(
        '/etc/systemd/system/fomular-daemon.service.d/user.conf',
        '[Service]\nUser=bob\nProtectProc=invisible\n',
      )
      await machine.out(['systemctl', 'daemon-reload'])
      const was = await on.status()
      await daemon(['service', 'restart'])
      await on.renewed(was)
      const found = await on.agentIs(fourth, 'idle')
      assert.deepEqual([found.pid, found.run], [before.pid, 1])
      const { stdout } = await daemon(['status', '--state-dir', STATE, '--json'])
      assert.match(stdout, /agents_of_another_user/)
      // The daemon can still stop the agent.
      await on.stopAgent(fourth)
      assert.equal((await on.agentIs(fourth, 'exited')).run, 1)
    },
  )

  await t.test('a purge removes everything that its dry run announced', async () => {
    on.write('/etc/fomular-daemon/environment', 'ANTHROPIC_API_KEY=secret\n')
    const kept = await daemon(['service', 'uninstall', '--dry-run'])
    assert.match(kept.stdout, /left \/etc\/fomular-daemon\/environment: --purge removes it/)
    assert.match(kept.stdout, /left \/var\/lib\/fomular-daemon: --purge removes it/)
    const dry = await daemon(['service', 'uninstall', '--all', '--purge', '--dry-run'])
    for (const path of ['/etc/fomular-daemon/environment', STATE, `${STATE}.of-bob`])
      assert.ok(dry.stdout.split('\n').includes(`remove ${path}`), dry.stdout)
    assert.ok(existsSync(at(`${STATE}/machine.json`)))
    // A folder on the same disk, mounted inside the state folder.
    await machine.out(['mkdir', '-p', `${STATE}/agents/disk`])
    await machine.out(['mount', '--bind', '/srv', `${STATE}/agents/disk`])
    const withDisk = await daemon(['service', 'uninstall', '--purge', '--dry-run'])
    assert.match(withDisk.stdout, new RegExp(`left ${STATE}: a disk is mounted at ${STATE}/agents/disk`))
    assert.doesNotMatch(withDisk.stdout, new RegExp(`remove ${STATE}$`, 'm'))
    await machine.out(['umount', `${STATE}/agents/disk`])
    const purged = await daemon(['service', 'uninstall', '--all', '--purge'])
    assert.equal(purged.code, 0, purged.stderr)
    const left = await machine.out(['find', '/etc', '/var/lib', '-path', '*fomular-daemon*'])
    assert.equal(left, '')
  })
})
