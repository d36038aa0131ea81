// Needs: root, unshare, mount, supervisord, runsv, s6-supervise, openrc-run
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fakeAgent } from '../support/fake-agent.ts'
import { pageSample } from '../support/page-sample.ts'
import { RUN, Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const PAGE = 'src/service/supervisors.md'

interface Supervisor {
  heading: string
  /** File names of the page's samples, in their order on the page. */
  files: string[]
  /** Command that runs the supervisor in the folder with these files. */
  run: [string, ...string[]]
  /** Shell arguments that start, restart, and stop the daemon through the supervisor. */
  verbs: Record<'start' | 'restart' | 'stop', string>
  /**
   * Status command; `leftDown` matches the command's output if the supervisor does not restart the daemon.
   */
  status: string
  leftDown: RegExp
}

const SUPERVISORS: Supervisor[] = [
  {
    heading: 'supervisord',
    files: ['program.conf'],
    run: ['supervisord', '--nodaemon', '--configuration', 'supervisord.conf'],
    verbs: {
      start: 'supervisorctl -c supervisord.conf start fomular-daemon',
      restart: 'supervisorctl -c supervisord.conf restart fomular-daemon',
      stop: 'supervisorctl -c supervisord.conf stop fomular-daemon',
    },
    status: 'supervisorctl -c supervisord.conf status',
    leftDown: / (EXITED|FATAL) /,
  },
  {
    heading: 'runit',
    files: ['fomular-daemon/run', 'fomular-daemon/finish'],
    run: ['runsv', 'fomular-daemon'],
    verbs: {
      start: 'sv start ./fomular-daemon',
      restart: 'sv -w 60 restart ./fomular-daemon',
      stop: 'sv -w 60 stop ./fomular-daemon',
    },
    status: 'sv status ./fomular-daemon',
    leftDown: /^down: .*normally up/,
  },
  {
    heading: 's6',
    files: ['fomular-daemon/run', 'fomular-daemon/finish'],
    run: ['s6-supervise', 'fomular-daemon'],
    verbs: {
      start: 's6-svc -u fomular-daemon',
      restart: 's6-svc -r fomular-daemon',
      stop: 's6-svc -wD -d fomular-daemon',
    },
    status: 's6-svstat fomular-daemon',
    leftDown: /^down \(exitcode 2\)/,
  },
  {
    heading: 'OpenRC',
    files: ['fomular-daemon'],
    run: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /run && . ./openrc.sh'],
    verbs: {
      start: 'openrc-run ./fomular-daemon start',
      restart: 'openrc-run ./fomular-daemon restart',
      stop: 'openrc-run ./fomular-daemon stop',
    },
    status: 'openrc-run ./fomular-daemon status',
    leftDown: /status: (stopped|crashed)/,
  },
]

/** Replaces OpenRC's init: creates its folders and starts the service. */
const OPENRC = `cd "$PWD"
for dir in starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled tmp init.d; do
  mkdir -p /run/openrc/$dir
done
touch /run/openrc/softlevel
openrc-run "$PWD/fomular-daemon" start
exec sleep infinity
`

const SUPERVISORD = `[unix_http_server]
file=%(here)s/socket
[supervisord]
logfile=%(here)s/log
pidfile=%(here)s/pid
childlogdir=%(here)s
user=root
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/socket
[include]
files=program.conf
`

interface Rig {
  stage: Stage
  /** Runs a command of the supervisor. @returns its output */
  tell(command: string): Promise<string>
  /** Breaks the configuration, so that the daemon refuses it at the next start. */
  spoil(): void
}

/** Starts a supervisor with the files of the page. */
async function supervised(t: TestContext, { heading, files, run }: Supervisor): Promise<Rig> {
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
  await stage.hub()
  const dir = join(stage.dir, 'supervisor')
  const put = (name: string, text: string, mode = 0o644) => {
    const path = join(dir, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    chmodSync(path, mode)
  }
  const config = join(stage.dir, 'config.toml')
  const env = Object.entries({ ...stage.env, FOMULAR_CONFIG: config }).map(
    ([name, value]) => `export ${name}='${value}'`,
  )
  put(
    'program',
    `#!/bin/sh\n${env.join('\n')}\nexec ${RUN.map((word) => `'${word}'`).join(' ')} "$@"\n`,
    0o755,
  )
  writeFileSync(config, '')
  for (const [nth, file] of files.entries()) {
    const first = nth === 0
    const sample = pageSample(PAGE, `## ${heading}`, nth, {
      ...(first && {
        '/usr/local/bin/fomular-daemon': join(dir, 'program'),
        'wss://os.example.com': `ws://127.0.0.1:${stage.port}`,
        '/etc/fomular-daemon/key': join(stage.state, 'hub/machine.key'),
        '/home/bob': stage.env.HOME!,
        bob: 'root',
      }),
      ...(heading === 'OpenRC' && { '/var/log/fomular-daemon.log': join(dir, 'daemon.log') }),
    })
    put(file, sample, sample.startsWith('#!') ? 0o755 : 0o644)
  }
  put('supervisord.conf', SUPERVISORD)
  put('openrc.sh', OPENRC)
  const running = stage.run(['-c', 'cd "$0" && exec "$@"', dir, ...run], {}, ['sh'])
  await until(async () => (await stage.machine())?.connected, { what: 'the daemon at the hub' }).catch(
    (error) => {
      throw new Error(`${error.message}\n${running.log()}`)
    },
  )
  const within = heading === 'OpenRC' ? ['nsenter', `--target=${running.pid}`, '--mount', '--root'] : []
  return {
    stage,
    tell: async (command) => {
      const [file, ...args] = [...within, 'sh', '-c', `cd '${dir}'; ${command}`]
      const told = stage.run(args, {}, [file!])
      await told.ended
      return told.log()
    },
    spoil: () => writeFileSync(config, 'max_agents = "many"\n'),
  }
}

for (const supervisor of SUPERVISORS) {
  const { heading, verbs, status, leftDown } = supervisor
  test(`with the documented ${heading} files, agents survive restarts, agents stop with the daemon, and the supervisor does not retry a bad configuration`, async (t) => {
    const { stage, tell, spoil } = await supervised(t, supervisor)
    const agent = await stage.start()
    const { pid } = await stage.agentIs(agent, 'idle')

    await stage.renew()
    assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)

    await stage.renew(() => tell(verbs.restart))
    assert.equal((await stage.agentIs(agent, 'exited')).exit?.reason, 'stopped')

    const another = await stage.start()
    await stage.agentIs(another, 'idle')
    await tell(verbs.stop)
    assert.deepEqual((await stage.agentIs(another, 'exited')).exit, { code: 0, reason: 'stopped' })
    await until(async () => !(await stage.machine())?.connected, { what: 'the end of the daemon' })

    await tell(verbs.start)
    await until(async () => (await stage.machine())?.connected, {
      what: 'the connection of the restarted daemon',
    })
    spoil()
    await stage.restart()
    await until(async () => leftDown.test(await tell(status)), {
      what: 'the supervisor leaving the daemon down',
    })
    assert.equal((await stage.machine())?.connected, false)
  })
}
