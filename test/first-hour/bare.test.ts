import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HubMachine } from '../../src/protocol/index.ts'
import { pageSample } from '../support/page-sample.ts'
import { HUB, SERVER, type ServiceMachine, serviceMachine } from '../support/service-machine.ts'
import { until } from '../support/wait.ts'

const KEY = '/home/bob/.fomular/key'
const COMMAND = `/usr/local/bin/fomular-daemon ${SERVER.join(' ')} --key-file ${KEY} --log-format none`

const sample = (nth: number) =>
  pageSample('src/service/supervisors.md', '## Without a supervisor', nth, {
    'wss://os.example.com': 'ws://127.0.0.1:3001',
  })

/** Ways to start the daemon for the user bob. */
const WAYS: Record<string, (at: ServiceMachine) => Promise<unknown>> = {
  'cron, at boot': async ({ machine, write }) => {
    write('/var/spool/cron/crontabs/bob', sample(0))
    await machine.out([
      'sh',
      '-c',
      'chown bob:crontab /var/spool/cron/crontabs/bob; chmod 600 /var/spool/cron/crontabs/bob',
    ])
    // cron concludes from the absence of this file that the machine has just booted.
    await machine.out(['sh', '-c', 'rm -f /run/crond.reboot && systemctl restart cron'])
  },
  'rc.local': async ({ machine, write }) => {
    write('/etc/rc.local', sample(1))
    await machine.out([
      'sh',
      '-c',
      'chmod 755 /etc/rc.local && systemctl daemon-reload && systemctl start rc-local',
    ])
  },
  'su -c': ({ machine }) => machine.out(['sh', '-c', `su -c '${COMMAND} &' bob </dev/null >/dev/null 2>&1`]),
  'a login shell that ends': ({ machine }) =>
    machine.out(['sh', '-c', `su - bob -c 'nohup ${COMMAND} >/dev/null 2>&1 &' </dev/null >/dev/null 2>&1`]),
  'systemd-run': ({ machine }) =>
    machine.out(['systemd-run', '--quiet', '--uid=bob', '--unit=lone', ...COMMAND.split(' ')]),
  'busybox init': ({ machine, write }) => {
    write('/root/inittab', `::respawn:/bin/su -c "exec ${COMMAND}" bob\n`)
    const script = 'mount --bind /root/inittab /etc/inittab && exec /bin/busybox init'
    const within = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', script]
    return machine
      .out(['sh', '-c', 'touch /etc/inittab'])
      .then(() => machine.out(['systemd-run', '--quiet', '--unit=busybox', ...within]))
  },
}

test('a daemon without a supervisor runs if cron, rc.local, su, a shell, systemd-run, or init starts it for another user', {
  timeout: 10 * 60_000,
}, async (t) => {
  const at = await serviceMachine(t, {
    // Path of Debian's own Node.
    binds: { '/usr/bin/node': process.execPath },
    packages: ['cron', 'busybox'],
  })
  const { machine } = at
  await machine.out([
    'sh',
    '-c',
    `install -d -o bob -m 700 /home/bob/.fomular; install -o bob -m 600 /var/lib/hub/machine.key ${KEY}`,
  ])
  const connected = async () => {
    const { stdout } = await at.daemon(['machine', 'list', ...HUB, '--json'])
    const { machines } = JSON.parse(stdout) as { machines: HubMachine[] }
    return machines.find((each) => each.connected)
  }
  for (const [way, start] of Object.entries(WAYS)) {
    await start(at)
    await until(connected, { what: `the daemon, started by ${way}` })
    const agent = await at.startAgent()
    const { pid } = await at.agentIs(agent, 'idle')
    const before = await connected()
    const restarted = await at.daemon(['restart'], { user: 'bob' })
    assert.equal(restarted.code, 0, `${way}: ${restarted.stdout}${restarted.stderr}`)
    await until(
      async () => {
        const now = await connected()
        return now && now.since !== before?.since
      },
      { what: `a new daemon after ${way}` },
    )
    assert.equal((await at.agentIs(agent, 'idle')).pid, pid, way)
    if (way === 'busybox init') await machine.out(['systemctl', 'stop', 'busybox'])
    else {
      const stopped = await at.daemon(['stop'], { user: 'bob' })
      assert.equal(stopped.code, 0, `${way}: ${stopped.stdout}${stopped.stderr}`)
      assert.equal((await at.agentIs(agent, 'exited')).exit?.reason, 'stopped', way)
    }
    await until(async () => !(await connected()), { what: `the end of the daemon after ${way}` })
  }
})
