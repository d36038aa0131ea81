// Needs: root, unshare, mount, tini, dumb-init
import assert from 'node:assert/strict'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AS_CONTAINER, childOf, dockerStop, initOf, inside, read, zombies } from '../support/container.ts'
import { fakeAgent } from '../support/fake-agent.ts'
import { oldestNode, reachable } from '../support/nodes.ts'
import { PROGRAM, RUN, Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Variables of the container that agents must receive unchanged. */
const THEIRS = { stop: '1', session: 'mine', status: 'mine' }

/** Opens a stage that runs its daemon in a container, below the given command. */
async function contained(t: TestContext, command: string[]): Promise<Stage> {
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t), ...THEIRS })
  stage.daemonCommand = [...AS_CONTAINER, ...command]
  return stage
}

const MAINS: [string, (program: string[]) => string[] | Promise<string[]>][] = [
  ['as process 1', (program) => program],
  [
    'as process 1, with a Node that cannot replace its own process',
    async () => [await oldestNode(), PROGRAM],
  ],
  ['below tini', (program) => ['tini', '--', ...program]],
  ['below dumb-init, which signals the whole session', (program) => ['dumb-init', ...program]],
  [
    'below a shell',
    (program) => ['sh', '-c', `${program.map((word) => `'${word}'`).join(' ')} "$@"; exit $?`, 'sh'],
  ],
]

for (const [where, commandOf] of MAINS)
  test(`a container survives a restart and a crash of the daemon that runs as its main process, ${where}`, async (t) => {
    const stage = await contained(t, await commandOf(RUN))
    await stage.hub()
    const running = await stage.daemon()
    const init = await initOf(running)
    // These processes outlive their parent, and end by themselves.
    const ended = join(stage.dir, 'ended')
    const orphan = `setsid sh -c 'sleep 0.5; echo >>${ended}' &`
    const agent = await stage.start({ prompt: `run ${orphan.repeat(5)}` })
    const { pid } = await stage.agentIs(agent, 'idle')
    const same = async () => assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)

    const doctor = stage.run(['doctor', '--json'], {}, inside(init))
    await doctor.ended
    const { findings } = JSON.parse(doctor.log()) as { findings: { check: string; message: string }[] }
    const found = findings.filter(({ check }) => check === 'container').map(({ message }) => message)
    assert.match(found[0] ?? '', /^The state folder .* is part of the container/)
    assert.equal(found.length, where === 'below a shell' ? 2 : 1, found.join())

    await stage.renew()
    await same()
    const later = await stage.start()
    await stage.agentIs(later, 'idle')
    const [outside] = stage.agentProcesses(later)
    const environment = read(`/proc/${outside?.pid}/environ`).split('\0')
    for (const [name, value] of Object.entries(THEIRS))
      assert.ok(environment.includes(`${name}=${value}`), name)

    const daemon = await daemonOf(stage)
    await stage.renew(() => process.kill(daemon, 'SIGKILL'))
    await same()

    await until(() => existsSync(ended) && readFileSync(ended).length === 5, {
      what: 'the end of all orphans',
    })
    await until(() => zombies(init).length === 0, { what: 'all orphans being reaped' })
    // A shell as process 1 forwards no signals.
    const told = where === 'below a shell' ? await childOf(init) : init
    assert.equal(await dockerStop(running, told), 0, running.log())
    assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
  })

for (const [where, commandOf] of MAINS.slice(0, 3))
  test(`a container that is stopped in a daemon's first moments ends with code 0, ${where}`, async (t) => {
    const stage = await contained(t, await commandOf(RUN))
    await stage.hub()
    const running = stage.run(stage.daemonArgs(), {}, stage.daemonCommand)
    const init = await initOf(running)
    await daemonOf(stage)
    assert.equal(await dockerStop(running, init), 0, running.log())
  })

test('a container that is stopped during a restart of its daemon ends the agents gracefully', async (t) => {
  const stage = await contained(t, RUN)
  await stage.hub()
  const running = await stage.daemon()
  const agent = await stage.start()
  await stage.agentIs(agent, 'idle')
  const crashed = await daemonOf(stage)
  process.kill(crashed, 'SIGKILL')
  await daemonOf(stage, crashed)
  assert.equal(await dockerStop(running, await initOf(running)), 0, running.log())
  assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
})

/** Waits for the process of the daemon, which is below its keeper. @param other process id to ignore */
const daemonOf = (stage: Stage, other?: number): Promise<number> =>
  until(() => stage.processes().find(({ pid }) => pid !== other && isDaemon(pid))?.pid, {
    what: 'a daemon that starts',
  })

/** Runs the following command with these programs missing from `/usr/bin`. */
const without = (...programs: string[]) => [
  'sh',
  '-ec',
  `top=$1; shift; mount -t tmpfs tmpfs "$top"; mkdir "$top/upper" "$top/work"
${programs.map((name) => `mknod "$top/upper/${name}" c 0 0`).join('\n')}
mount -t overlay overlay -o "lowerdir=/usr/bin,upperdir=$top/upper,workdir=$top/work" /usr/bin
exec "$@"`,
  'sh',
]

test('a container without ps, setsid, and Perl survives with its agent alive, and ends in time', async (t) => {
  const stage = await contained(t, RUN)
  const top = join(stage.dir, 'top')
  mkdirSync(top)
  stage.daemonCommand = [...AS_CONTAINER, ...without('ps', 'setsid', 'perl'), top, ...RUN]
  await stage.hub()
  const running = await stage.daemon()
  const agent = await stage.start({ prompt: 'run (sleep 0.2 &)' })
  const { pid } = await stage.agentIs(agent, 'idle')
  await stage.renew()
  assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
  const init = await initOf(running)
  await until(() => zombies(init).length === 0, { what: 'all orphans being reaped' })
  assert.equal(await dockerStop(running, init), 0, running.log())
  assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
})

/** Reports whether a process is the daemon, and not its keeper or an agent. */
const isDaemon = (pid: number) => {
  const argv = read(`/proc/${pid}/cmdline`).split('\0')
  return argv[1] === PROGRAM && read(`/proc/${pid}/environ`).includes('FOMULAR_DAEMON_KEEPER=')
}

test('in a container, `up` survives a restart, and ends when it is stopped', async (t) => {
  const stage = await contained(t, RUN)
  const running = stage.run(['up', '--port', String(stage.port)], {}, stage.daemonCommand)
  await until(
    () =>
      stage.machine().then(
        (found) => found?.connected,
        () => false,
      ),
    { what: 'hub and daemon' },
  )
  const agent = await stage.start()
  const { pid } = await stage.agentIs(agent, 'idle')
  await stage.renew()
  assert.equal((await stage.agentIs(agent, 'idle')).pid, pid)
  assert.equal(await dockerStop(running, await initOf(running)), 0, running.log())
})

test('in a container, a hub alone ends when it is stopped', async (t) => {
  const stage = await contained(t, RUN)
  const hub = stage.run(['hub', '--port', String(stage.port)], {}, stage.daemonCommand)
  await until(
    () =>
      fetch(`${stage.hubUrl}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    { what: 'the hub' },
  )
  assert.equal(await dockerStop(hub, await initOf(hub)), 0, hub.log())
})

test('in a container, a daemon that refuses its configuration ends the container at once, with its exit code', async (t) => {
  const stage = await contained(t, RUN)
  const refused = stage.run(['--key', '$NO_SUCH_KEY'], {}, stage.daemonCommand)
  assert.equal(await refused.ended, 2)
  assert.equal(refused.log().match(/there is no variable NO_SUCH_KEY/g)?.length, 1)
})

test('an agent that does not end is killed before Docker kills the container', async (t) => {
  const stage = await contained(t, RUN)
  await stage.hub()
  const running = await stage.daemon()
  const agent = await stage.start({ prompt: `deaf` })
  await stage.agentIs(agent, 'working')
  assert.equal(await dockerStop(running, await initOf(running)), 0, running.log())
  assert.equal((await stage.agent(agent)).exit?.reason, 'stopped')
})

test('a key in the arguments is not visible to other users in a container', async (t) => {
  const stage = await contained(t, RUN)
  await stage.hub()
  const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
  const args = ['--server-url', `ws://127.0.0.1:${stage.port}`, '--key', key]
  const running = stage.run(args, {}, stage.daemonCommand)
  await until(async () => (await stage.machine())?.connected, { what: 'the daemon at the hub' })
  const init = await initOf(running)
  for (const { pid } of stage.processes())
    if (pid !== running.pid)
      assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(key), String(pid))
  assert.equal(await dockerStop(running, init), 0)
})

test('agents run and stop with a read-only root, a noexec state folder, and a user without a name', async (t) => {
  const stage = await Stage.open(t)
  const at = (name: string) => join(stage.dir, name)
  chmodSync(stage.dir, 0o755)
  for (const name of ['inner', 'agent', 'node']) mkdirSync(at(name))
  const env = {
    FOMULAR_STATE_DIR: at('inner/state'),
    HOME: at('inner'),
    FOMULAR_CLAUDE_PATH: fakeAgent(t, at('agent')),
  }
  for (const name of ['index.js', 'program'])
    cpSync(join(dirname(PROGRAM), name), at(`agent/${name}`), { recursive: true })
  const node = reachable(process.execPath, at('node'))
  writeFileSync(
    env.FOMULAR_CLAUDE_PATH,
    `#!/bin/sh\nexec ${node} ${at('agent/fake-agent-program.ts')} "$@"\n`,
  )
  await stage.hub()
  const script = `mount -t tmpfs -o noexec,mode=700,uid=12345 tmpfs "$HOME" && mount -o remount,bind,ro / &&
exec setpriv --reuid=12345 --regid=12345 --clear-groups "$@"`
  const command = [...AS_CONTAINER, 'sh', '-c', script, 'sh', node, at('agent/index.js')]
  const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
  const args = ['--server-url', `ws://127.0.0.1:${stage.port}`]
  const running = stage.run(args, { ...env, FOMULAR_KEY: key }, command)
  await until(async () => (await stage.machine())?.connected, { what: 'the daemon at the hub' }).catch(
    (error) => {
      throw new Error(`${error.message}\n${running.log()}`)
    },
  )
  const agent = await stage.start({ cwd: '/', prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  assert.equal(await dockerStop(running, await initOf(running)), 0, running.log())
  assert.deepEqual((await stage.agent(agent)).exit, { code: 0, reason: 'stopped' })
  assert.doesNotMatch(running.log(), / (warn|error|fatal) /)
})
