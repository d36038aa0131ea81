import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identify } from '../../src/platform/process-identity.ts'
import { userOf } from '../../src/platform/process-list.ts'
import type { CommandError, Outcome } from '../../src/protocol/index.ts'
import { fakeAgent } from '../support/fake-agent.ts'
import { openProgram } from '../support/open-program.ts'
import { RUN, Stage } from '../support/stage.ts'
import { isRoot, systemUser } from '../support/system-user.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

type Refusable = Outcome & { error?: CommandError }

/** A daemon whose policy names a user for its agents. */
async function policedStage(t: TestContext, agent_user: string, within: string[] = []) {
  const open = tempDir(t)
  chmodSync(open, 0o755)
  const claude = fakeAgent(t, open, openProgram(open, process.execPath))
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: claude, SECRET_OF: 'the-daemon' })
  const file = join(stage.dir, 'policy.toml')
  const write = (name: string) =>
    writeFileSync(
      file,
      `version = 1\npermission_modes = ["*"]\nenvironment.set = ["**"]\nisolation.agent_user = "${name}"\n`,
      { mode: 0o600 },
    )
  write(agent_user)
  Object.assign(stage.env, { FOMULAR_POLICY: file, XDG_RUNTIME_DIR: '/run/user/0' })
  await stage.hub()
  stage.daemonCommand = [...within, ...RUN]
  await stage.daemon()
  const cwd = join(open, 'work')
  mkdirSync(cwd)
  const refusal = async (spec: object = {}) => {
    const { state, error } = await stage.api<Refusable>('POST', '/api/agents', { spec: { cwd, ...spec } })
    return [state, error?.code, error?.path]
  }
  return { stage, cwd, write, refusal }
}

/** A daemon that runs as root, and whose agents run as another user. */
async function rootsStage(t: TestContext) {
  const user = systemUser(t)
  const policed = await policedStage(t, user.name)
  chownSync(policed.cwd, user.uid, user.gid)
  const { stage, cwd } = policed
  let commands = 0
  /** Makes an agent run a command. @returns its output */
  const said = async (agent: string, command: string): Promise<string> => {
    const out = join(cwd, `said-${++commands}`)
    await stage.command(agent, 'prompt', {
      content: `run { ${command}; } >${out}.tmp 2>&1; mv ${out}.tmp ${out}`,
    })
    await until(() => existsSync(out), { what: command })
    return readFileSync(out, 'utf8').trim()
  }
  const start = (spec: object = {}) => stage.start({ cwd, ...spec })
  return { ...policed, user, said, start }
}

test('agents run as the user that the policy names, and cannot reach the daemon or its files', async (t) => {
  if (!isRoot) return refused(t)
  const { stage, user, said, start } = await rootsStage(t)
  const agent = await start({ env: { GIVEN: "it's", LD_LIBRARY_PATH: '/nowhere' } })
  const other = await start()
  const { pid } = await stage.agentIs(agent, 'idle')
  assert.equal(userOf(pid!), user.uid)
  assert.equal(
    await said(agent, 'id -un; id -gn; id -nG'),
    `${user.name}\n${user.name}\n${user.name} ${user.group}`,
  )
  assert.equal(
    await said(agent, 'echo $HOME $USER $LOGNAME $SHELL -$XDG_RUNTIME_DIR- $GIVEN'),
    `${user.home} ${user.name} ${user.name} /bin/sh -- it's`,
  )
  assert.match(
    await said(agent, 'grep -h -e CapPrm -e NoNewPrivs /proc/self/status'),
    /CapPrm:\t0+\nNoNewPrivs:\t1/,
  )
  const folder = join(stage.state, 'agents', agent)
  for (const path of [
    stage.state,
    join(stage.state, 'hub/machine.key'),
    join(stage.state, 'daemon.sock'),
    join(folder, 'activity.jsonl'),
    join(folder, 'spec.json'),
    join(stage.state, 'agents', other, 'activity.jsonl'),
    `/proc/${pid}/fd/9/..`,
    `/proc/${pid}/fd/9/../spec.json`,
  ])
    assert.match(await said(agent, `cat ${path} || ls ${path}`), /Permission denied|cannot/, path)
  assert.match(await said(agent, `kill ${await daemonPid(stage)}`), /not permitted/)
  assert.match(
    await said(agent, `cd /proc/${pid}/fd/9 && ls && echo x >variables.sh`),
    /variables\.sh[\s\S]*denied/,
  )
})

test('an agent of another user is stopped with its children, resumed, and taken over by the next daemon', async (t) => {
  if (!isRoot) return refused(t)
  const { stage, user, said, start } = await rootsStage(t)
  const agent = await start()
  const { session_id } = await stage.agentIs(agent, 'idle')
  await stage.command(agent, 'prompt', { content: 'remember' })
  await said(agent, '(setsid sleep 6021 >/dev/null 2>&1 &)')
  await stage.restart()
  await stage.agentIs(agent, 'idle')
  await said(agent, 'echo still')
  assert.equal((await stage.command(agent, 'stop')).state, 'succeeded')
  await stage.agentIs(agent, 'exited')
  await until(() => stage.agentProcesses(agent).length === 0, { what: 'the end of its processes' })

  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  const resumed = await stage.agentIs(agent, 'idle')
  assert.equal(resumed.session_id, session_id)
  assert.equal(userOf(resumed.pid!), user.uid)
  assert.ok(existsSync(join(user.home, '.fake-agent', session_id!)))

  // A process that the agent leaves behind as it crashes.
  await said(agent, '(setsid sleep 6022 >/dev/null 2>&1 &)')
  process.kill(resumed.pid!, 'SIGKILL')
  await stage.agentIs(agent, 'exited')
  await until(() => stage.agentProcesses(agent).length === 0, {
    what: 'the end of the processes that the crashed agent left behind',
  })
})

test('root runs no program from folders on PATH that the agents’ user can change', async (t) => {
  if (!isRoot) return refused(t)
  const { stage, user, said, start, cwd } = await rootsStage(t)
  const [bin, ran] = [join(cwd, 'bin'), join(cwd, 'ran')]
  mkdirSync(bin)
  // Programs of the launcher and the gate, and programs with which the daemon asks the system.
  const names =
    'cat date fallocate getent grep id kill mkdir mkfifo mv ps rm sed sleep systemctl systemd-notify tail tr'
  for (const name of names.split(' '))
    writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\nid -u >>${ran}\nexec ${name} "$@"\n`, {
      mode: 0o755,
    })
  writeFileSync(ran, '')
  for (const path of [bin, ran]) chownSync(path, user.uid, user.gid)
  const gate = join(stage.dir, 'gate')
  writeFileSync(gate, '#!/bin/sh\ngrep -q agent_id\n', { mode: 0o755 })
  appendFileSync(stage.env.FOMULAR_POLICY!, `gate.program = "${gate}"\n`)
  process.kill(await daemonPid(stage), 'SIGKILL')
  stage.daemonCommand = ['/usr/bin/env', `PATH=${bin}:${process.env.PATH}`, ...RUN]
  await stage.daemon()
  const agent = await start({ lease: { after_s: 30, action: 'stop' } })
  await stage.agentIs(agent, 'idle')
  // The agent itself may run programs from this folder.
  await said(agent, 'date')
  await stage.command(agent, 'stop')
  await stage.agentIs(agent, 'exited')
  // The daemon asks systemd whether the machine is shutting down.
  const pid = await daemonPid(stage)
  process.kill(pid, 'SIGTERM')
  await until(() => identify(pid) === undefined, { what: 'the end of the daemon' })
  assert.deepEqual([...new Set(readFileSync(ran, 'utf8').split('\n'))], [String(user.uid), ''])
})

test('an agent of another user ends with all its processes when its lease expires', async (t) => {
  if (!isRoot) return refused(t)
  const { stage, said, start } = await rootsStage(t)
  const agent = await start({ lease: { after_s: 10, action: 'stop' } })
  await stage.agentIs(agent, 'idle')
  await said(agent, '(setsid sleep 6023 >/dev/null 2>&1 &)')
  process.kill(await daemonPid(stage), 'SIGKILL')
  await until(() => stage.agentProcesses(agent).length === 0, {
    what: 'the end of the agent whose lease has expired',
    timeoutMs: 60_000,
  })
})

test('no agent starts as a user who is missing, is root, or may not enter the folder', async (t) => {
  if (!isRoot) return refused(t)
  const { stage, cwd, write, refusal, user, start } = await rootsStage(t)
  chmodSync(cwd, 0o700)
  chownSync(cwd, 0, 0)
  assert.deepEqual(await refusal(), ['failed', 'cwd_forbidden', 'spec.cwd'])
  for (const name of ['no-such-user', 'root']) {
    write(name)
    assert.deepEqual(await refusal(), ['failed', 'policy', 'isolation.agent_user'], name)
  }
  await until(
    async () => (await stage.machine())?.status?.problems.some(({ code }) => code === 'agent_user_unusable'),
    { what: 'the problem in the status of the machine' },
  )
  chownSync(cwd, user.uid, user.gid)
  write(user.name)
  await start()
  assert.equal(
    (await stage.machine())?.status?.problems.some(({ code }) => code === 'agent_user_unusable'),
    false,
  )
})

test('doctor checks the runtime as the agents’ user, whether or not a daemon is running', async (t) => {
  if (!isRoot) return refused(t)
  const { stage, user } = await rootsStage(t)
  const findings = async (): Promise<{ check: string; level: string; message: string }[]> => {
    const run = stage.run(['doctor', '--json'])
    await run.ended
    return JSON.parse(run.log()).findings
  }
  const ofRuntime = (all: Awaited<ReturnType<typeof findings>>) =>
    all.flatMap(({ check, level }) =>
      ['claude', 'environment', 'agent_user'].includes(check) ? [`${check} ${level}`] : [],
    )
  await until(async () => (await stage.machine())?.status?.runtimes[0]?.login === 'logged_in')
  assert.deepEqual(ofRuntime(await findings()), ['claude ok'])
  process.kill(await daemonPid(stage), 'SIGKILL')
  assert.deepEqual(ofRuntime(await findings()), ['claude ok'])
  execFileSync('usermod', ['--append', '--groups', 'shadow', user.name])
  assert.deepEqual(ofRuntime(await findings()), ['agent_user warning', 'claude ok'])
})

/** A daemon that may not switch users refuses the start. */
async function refused(t: TestContext) {
  const { refusal } = await policedStage(t, 'nobody')
  assert.deepEqual(await refusal(), ['failed', 'policy', 'isolation.agent_user'])
}

async function daemonPid(stage: Stage): Promise<number> {
  const run = stage.run(['status', '--json'])
  await run.ended
  return JSON.parse(run.log()).pid
}

test('a daemon without the right to switch users starts no agents', async (t) => {
  if (!isRoot) return refused(t)
  const { refusal, stage } = await policedStage(t, 'nobody', ['setpriv', '--bounding-set=-setuid', '--'])
  assert.deepEqual(await refusal(), ['failed', 'policy', 'isolation.agent_user'])
  const problems = (await stage.machine())?.status?.problems ?? []
  assert.match(problems.map(({ message }) => message).join(), /lacks CAP_SETUID/)
})
