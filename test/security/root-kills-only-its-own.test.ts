// Needs: root, setpriv
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { groupName } from '../../src/agents/process/cgroup/run-group.ts'
import { launchScript } from '../../src/agents/process/launch-script.ts'
import { readSigns } from '../../src/agents/process/marks.ts'
import { agentProcesses, endStrays } from '../../src/agents/process/strays.ts'
import { groupFolder } from '../../src/platform/control-groups.ts'
import { bootId, identify, isAlive, type ProcessIdentity } from '../../src/platform/process-identity.ts'
import { commandLines, environmentOf } from '../../src/platform/process-list.ts'
import { agentsIn, leftAgent } from '../support/agents.ts'
import { earlierCommand } from '../support/earlier-release.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { PROGRAM, RUN, type Stage } from '../support/stage.ts'
import { standInGroup } from '../support/stand-in-group.ts'
import { systemUser } from '../support/system-user.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups'

/** Returns the processes of a session. */
const session = (leader: number): ProcessIdentity[] =>
  readdirSync('/proc').flatMap((name) => {
    const identity = /^\d+$/.test(name) ? identify(Number(name)) : undefined
    return identity && sessionOf(identity.pid) === leader ? [identity] : []
  })

/** Returns the session of a process; undefined if it has ended. */
function sessionOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
  } catch {
    return undefined
  }
}

/**
 * Starts a session of root that is unrelated to any daemon. It has a shell, processes of root and of nobody
 * with the given variables, and a process of root without these variables.
 */
async function bystanders(t: Cleanup, variables: Record<string, string>): Promise<ProcessIdentity[]> {
  const env = Object.entries(variables).map(([name, value]) => `${name}='${value}'`)
  const script = `sleep 600 & env ${env.join(' ')} sleep 600 & ${NOBODY} env ${env.join(' ')} sleep 600 & wait`
  const shell = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' })
  t.after(() => end(session(shell.pid!)))
  const all = () => session(shell.pid!)
  const sleeps = () => new Set(commandLines().flatMap(({ pid, argv }) => (argv[0] === 'sleep' ? pid : [])))
  await until(() => all().filter(({ pid }) => sleeps().has(pid)).length === 3, { what: 'the bystanders' })
  return all()
}

function end(processes: ProcessIdentity[]) {
  for (const { pid } of processes.filter(isAlive)) process.kill(pid, 'SIGKILL')
}

/** Starts a command in an agent, and waits for the process of the command. */
async function within(stage: Stage, agent: string, command: string, marker: string) {
  await stage.command(agent, 'prompt', { content: `run ${command}` })
  const found = await until(() => commandLines().find(({ argv }) => argv.includes(marker)), { what: command })
  return identify(found.pid)!
}

const folderOf = (stage: Stage, agent: string) => join(stage.state, 'agents', agent)
const markOf = (folder: string): string => JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')).mark

function doctor(stage: Stage): Promise<string> {
  return new Promise((resolve) =>
    execFile(process.execPath, [PROGRAM, 'doctor', '--fix', '--json'], { env: stage.env }, (_, stdout) =>
      resolve(stdout),
    ),
  )
}

test('neither a stop nor doctor --fix ends processes that name the agent but lack its secret, or other users’ processes outside the agent’s group', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start()
  const folder = folderOf(stage, agent)
  const mark = markOf(folder)
  assert.match(mark, /^[0-9a-f]{32}$/)
  const tool = await within(stage, agent, 'exec sleep 6001', '6001')
  const dropped = await within(stage, agent, `exec ${NOBODY} sleep 6002`, '6002')
  t.after(() => end([dropped]))
  const named = await bystanders(t, { FOMULAR_AGENT: folder })
  const guessed = await bystanders(t, { FOMULAR_AGENT: folder, FOMULAR_AGENT_MARK: '0'.repeat(32) })
  const removed = await bystanders(t, {
    FOMULAR_AGENT: `${stage.state}/agents/removed`,
    FOMULAR_AGENT_MARK: mark,
  })
  const elsewhere = await bystanders(t, { FOMULAR_AGENT: '/nowhere/agents/zz' })
  // Even if the secret leaks, other users' processes that have it do not count as the agent's processes.
  const known = await bystanders(t, { FOMULAR_AGENT: folder, FOMULAR_AGENT_MARK: mark })

  assert.equal((await stage.command(agent, 'stop', { grace_s: 0 })).state, 'succeeded')
  await until(() => !isAlive(tool) && known.filter(isAlive).length === 3, {
    what: "the end of the agent's own processes",
  })
  const strangers = [...named, ...guessed, ...removed, ...elsewhere]
  assert.ok(strangers.every(isAlive))
  // In the agent's control group, a process of another user also counts as the agent's process.
  const isGrouped = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')).group !== undefined
  await until(() => isAlive(dropped) !== isGrouped, {
    what: "the end of another user's process in the group",
  })

  const leftover = await bystanders(t, { FOMULAR_AGENT: folder, FOMULAR_AGENT_MARK: mark })
  const { findings } = JSON.parse(await doctor(stage))
  await until(() => leftover.filter(isAlive).length === 3, {
    what: 'the end of the processes that the agent left behind',
  })
  assert.ok([...strangers, ...known.filter(isAlive)].every(isAlive))
  const unproven = findings.flatMap((finding: { unproven?: { pid: number }[] }) => finding.unproven ?? [])
  const told = (pids: ProcessIdentity[]) =>
    pids.filter(({ pid }) => unproven.some((each: { pid: number }) => each.pid === pid)).length
  assert.deepEqual([named, guessed, removed, elsewhere].map(told), [1, 1, 1, 1])
})

test('stopping an agent of an earlier version ends its recorded processes and their descendants', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  stage.daemonCommand = await earlierCommand(stage.dir)
  const daemon = await stage.daemon()
  const agent = await stage.start()
  const folder = folderOf(stage, agent)
  const tool = await within(stage, agent, 'exec sleep 6003', '6003')
  const own = stage.agentProcesses(agent)
  daemon.kill('SIGKILL')
  await daemon.ended
  stage.daemonCommand = RUN
  await stage.daemon()
  assert.equal(markOf(folder), undefined)
  const strangers = [
    ...(await bystanders(t, { FOMULAR_AGENT: folder })),
    ...(await bystanders(t, { FOMULAR_AGENT: folder, FOMULAR_AGENT_MARK: '0'.repeat(32) })),
  ]
  assert.equal((await stage.command(agent, 'stop', { grace_s: 0 })).state, 'succeeded')
  await until(() => !own.some(isAlive) && !isAlive(tool), { what: "the end of the agent's own processes" })
  assert.ok(strangers.every(isAlive))
})

test('a launcher finds its processes by a secret of its run, and no argument list contains this secret', async (t) => {
  const dir = tempDir(t)
  for (const name of ['in', 'fed']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'launch.sh'), launchScript)
  writeFileSync(join(dir, 'env.sh'), '')
  const mark = 'f'.repeat(32)
  const env = { PATH: process.env.PATH, FOMULAR_AGENT: dir, FOMULAR_AGENT_MARK: mark }
  const patterns = ['working', 'idle', 'tasks', 'none']
  const program = ['/bin/sh', '-c', 'setsid sleep 6004 & exec sleep 6005']
  const args = [join(dir, 'launch.sh'), dir, '1', '', bootId(), '1', 'stop', ...patterns, '', '', ...program]
  spawn('/bin/sh', args, { env, detached: true, stdio: 'ignore' }).unref()
  const strangers = [
    ...(await bystanders(t, { FOMULAR_AGENT: dir })),
    ...(await bystanders(t, { FOMULAR_AGENT: dir, FOMULAR_AGENT_MARK: '0'.repeat(32) })),
  ]
  const ours = () => commandLines().filter(({ pid }) => environmentOf(pid)?.('FOMULAR_AGENT_MARK') === mark)
  await until(() => existsSync(join(dir, 'process.json')), { what: 'the launch' })
  const shown = new Set<string>()
  await until(
    () => {
      for (const { pid, argv } of commandLines())
        if (argv.join(' ').includes(mark)) shown.add(`${pid} ${argv}`)
      return ours().length === 0
    },
    { what: 'the end of the lease, and of the remaining processes' },
  )
  assert.deepEqual([...shown], [])
  assert.ok(strangers.every(isAlive))
})

test('root’s daemon sends no signal to an agent that another user’s daemon started', async (t) => {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a', { user: 'nobody' })
  started()
  for (const name of ['stdin', 'bell']) execFileSync('mkfifo', [at(name)])
  const script = `exec ${NOBODY} sleep 600 0<>'${at('stdin')}'`
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  await until(() => commandLines().find(({ pid, argv }) => pid === child.pid && argv[0] === 'sleep'))
  const theirs = identify(child.pid!)!
  const record = { version: 1, run: 1, launcher: theirs, agent: theirs, feeder: theirs }
  writeFileSync(at('process.json'), JSON.stringify(record))
  const agents = agentsIn(dir)
  t.after(() => agents.close())
  agents.adopt()
  await agents.stop(agents.get('a'), { commandId: 'c', graceS: 0 })
  assert.ok(isAlive(theirs))
})

test('root does not trust the users and the control group that are named in another user’s records', async (t) => {
  const [theirs, third] = [systemUser(t), systemUser(t)]
  const sleeping = (uid: number, variables: Record<string, string> = {}) => {
    const child = spawn('setpriv', [`--reuid=${uid}`, '--clear-groups', 'sleep', '600'], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: process.env.PATH, ...variables },
    })
    t.after(() => child.kill('SIGKILL'))
    return until(
      () =>
        commandLines().some(({ pid, argv }) => pid === child.pid && argv[0] === 'sleep') &&
        identify(child.pid!),
      { what: 'the sleep' },
    )
  }
  const folder = join(theirs.home, 'agents/a')
  mkdirSync(folder, { recursive: true })
  const mark = 'a'.repeat(32)
  const [ofRoot, ofThird, own] = (await Promise.all([
    sleeping(0),
    sleeping(third.uid),
    sleeping(theirs.uid, { FOMULAR_AGENT: folder, FOMULAR_AGENT_MARK: mark }),
  ])) as ProcessIdentity[]
  const group = groupFolder('self')
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ mark, agent_uids: [0, third.uid], group }))
  writeFileSync(
    join(folder, 'process.json'),
    JSON.stringify({ version: 1, run: 1, launcher: ofRoot, agent: ofThird, feeder: ofRoot }),
  )
  execFileSync('chown', ['-R', `${theirs.uid}`, theirs.home])

  assert.deepEqual([...agentProcesses(theirs.uid).proven.values()].flat(), [own])
  const signs = readSigns(folder, theirs.uid)!
  assert.equal(await endStrays(signs), 1)
  assert.deepEqual(
    [ofRoot, ofThird, own].map((each) => isAlive(each!)),
    [true, true, false],
  )
  // Root does not even trust a folder with the name of the run's group, because it could be a link by now.
  const named = join(theirs.home, groupName({ real: folder }, mark))
  standInGroup(named, { 'cgroup.procs': `${ofRoot!.pid}\n`, 'cgroup.events': 'populated 1\n' })
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ mark, group: named }))
  assert.equal(readSigns(folder, theirs.uid)?.group, undefined)
})
