import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isAlive } from '../../../src/platform/process-identity.ts'
import { commandLines } from '../../../src/platform/process-list.ts'
import { claudeStage } from '../../support/claude-stage.ts'
import { DEAF_MCP_SERVER } from '../../support/deaf-mcp-server.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { mock } from '../../support/messages-script.ts'
import { PROGRAM, type Stage } from '../../support/stage.ts'
import { Terminal } from '../../support/terminal.ts'
import { until } from '../../support/wait.ts'

interface Doctor {
  ok: boolean
  findings: { check: string; level: string; message: string; strays?: Stray[]; unproven?: Stray[] }[]
}

type Stray = { pid: number; why: string }

/** Secret that marks the processes of a run. */
const MARK = '0123456789abcdef0123456789abcdef'

/** Returns `doctor`'s findings about strays. Other strays may exist on this machine. */
async function doctor(stage: Pick<Stage, 'env'>, ...args: string[]) {
  const stdout = await new Promise<string>((resolve) =>
    execFile(process.execPath, [PROGRAM, 'doctor', '--json', ...args], { env: stage.env }, (_, out) =>
      resolve(out),
    ),
  )
  return (JSON.parse(stdout) as Doctor).findings.filter(({ check }) => check === 'strays')
}

/** Starts a process with an agent's mark, and a child process without the mark. */
function marked(t: TestContext, agentDir: string, mark = MARK) {
  const child = spawn('/bin/sh', ['-c', 'env -i sleep 600 & exec sleep 600'], {
    env: { ...process.env, FOMULAR_AGENT: agentDir, FOMULAR_AGENT_MARK: mark },
    detached: true,
    stdio: 'ignore',
  })
  t.after(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // The process has already ended.
    }
  })
  return child
}

/** Creates the folder of an ended agent whose processes carry `MARK`. */
function endedAgent(stage: Stage): string {
  const dir = join(stage.state, 'agents', 'ended')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, 'run.json'), JSON.stringify({ version: 1, run: 1, mark: MARK }))
  writeFileSync(join(dir, 'exit.json'), '{"version":1,"run":1,"code":0}')
  return dir
}

const pidsOf = (session: number) =>
  commandLines()
    .filter(({ argv }) => argv[0] === 'sleep')
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === session
      } catch {
        // The process has ended in the meantime.
        return false
      }
    })

test('processes of a container do not count as leftovers of this machine, even if their state folder has the same path', async (t) => {
  const stage = await fakeStage(t)
  const agents = join(stage.state, 'agents')
  // The container has the folder of an agent that this machine does not have.
  const script = `mount -t tmpfs none '${stage.state}' && mkdir -p '${agents}/a' && exec sleep 600`
  mkdirSync(stage.state, { recursive: true })
  const inside = spawn('unshare', ['--mount', '--propagation', 'private', '/bin/sh', '-c', script], {
    env: { ...process.env, FOMULAR_AGENT: join(agents, 'a') },
    detached: true,
    stdio: 'ignore',
  })
  t.after(() => inside.kill('SIGKILL'))
  await until(() => pidsOf(inside.pid!).length === 1)
  const found = (await doctor(stage)).flatMap(({ strays = [], unproven = [] }) => [...strays, ...unproven])
  assert.ok(!found.some(({ pid }) => pid === inside.pid))
})

test('doctor identifies processes that agents left behind, and ends them on request', async (t) => {
  const stage = await fakeStage(t)
  const ended = endedAgent(stage)
  const [removed, left] = [marked(t, join(stage.state, 'agents', 'removed')), marked(t, ended)]
  const bystander = spawn('sleep', ['600'], { stdio: 'ignore' })
  t.after(() => bystander.kill('SIGKILL'))
  await until(() => pidsOf(removed.pid!).length === 2 && pidsOf(left.pid!).length === 2)

  const findings = await doctor(stage)
  const found = findings.find(({ strays }) => strays)
  assert.equal(found?.level, 'warning')
  assert.match(found!.message, /left over from agents/)
  assert.deepEqual(found!.strays!.map(({ pid }) => pid).sort(), pidsOf(left.pid!).sort())
  assert.ok(found!.strays!.every(({ why }) => why === 'ended'))
  // The secret of the removed agent's run is no longer known.
  const unproven = findings.flatMap((finding) => finding.unproven ?? [])
  assert.equal(unproven.find(({ pid }) => pid === removed.pid)?.why, 'removed')
  assert.ok(!unproven.some(({ pid }) => pid === bystander.pid))
  // `doctor` without `--fix` changes nothing.
  assert.equal(pidsOf(left.pid!).length, 2)

  const fixed = (await doctor(stage, '--fix')).find(({ message }) => /^Ended 2 processes/.test(message))
  assert.equal(fixed?.level, 'ok', fixed?.message)
  await until(() => pidsOf(left.pid!).length === 0)
  assert.equal(pidsOf(removed.pid!).length, 2)
  assert.equal(bystander.exitCode, null)
})

test('on a terminal, doctor offers to end leftover processes, and does nothing unasked', async (t) => {
  const stage = await fakeStage(t)
  const left = marked(t, endedAgent(stage))
  await until(() => pidsOf(left.pid!).length === 2)
  const terminal = await Terminal.open(t, stage)
  const asked = async () => {
    await terminal.begin('fd doctor')
    await terminal.shows(/left over from agents[\s\S]*ended: ended {2}sleep 600[\s\S]*End them\? y\/N> $/)
  }
  const answer = async (text: string) => {
    await asked()
    await terminal.type(text)
    return (await terminal.over()).text
  }
  await answer('')
  await asked()
  await terminal.press('y', 'C-c')
  assert.equal((await terminal.over()).code, 130)
  assert.equal(pidsOf(left.pid!).length, 2)
  assert.match(await answer('y'), /Ended \d+ processes left behind by agents/)
  assert.deepEqual(pidsOf(left.pid!), [])
})

test('`doctor` reports agents without a daemon, but not as leftover processes', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  daemon.kill('SIGKILL')
  await daemon.ended
  const processes = stage.agentProcesses(agent)
  const findings = await doctor(stage, '--fix')
  const own = findings.find(({ message }) => message.includes(stage.state))
  assert.match(own!.message, /1 agent runs without a daemon/)
  assert.ok(processes.every(isAlive))
  await stage.daemon()
  assert.ok(!(await doctor(stage)).some(({ message }) => message.includes(stage.state)))
  assert.equal((await stage.agentIs(agent, 'idle')).run, 1)
})

test('a stop ends everything that an agent started, even unmarked processes that ignore signals', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const server = join(stage.dir, 'mcp.mjs')
  writeFileSync(server, DEAF_MCP_SERVER)
  const command =
    '(env -i sh -c \'trap "" TERM; while :; do sleep 600; done\' &) ; env -i sleep 600 & sleep 600'
  const agent = await stage.start({
    permission_mode: 'bypassPermissions',
    mcp_servers: { deaf: { command: process.execPath, args: [server] } },
    mcp_strict: true,
    prompt: mock([{ tool: 'Bash', input: { command } }], [{ text: 'never' }]),
  })
  const family = await until(
    () => {
      const all = commandLines().filter(({ pid, argv }) => argv[0] === 'sleep' && isBelow(pid, stage, agent))
      return all.length >= 2 && stage.agentProcesses(agent).some(({ pid }) => isMcp(pid, server)) && all
    },
    { what: 'the command, its background task and the MCP server' },
  )
  assert.equal((await stage.command(agent, 'stop', { grace_s: 1 })).state, 'succeeded')
  assert.deepEqual(stage.agentProcesses(agent), [])
  const left = new Set(commandLines().map(({ pid }) => pid))
  assert.deepEqual(
    family.filter(({ pid }) => left.has(pid)),
    [],
  )
})

test('the next daemon cleans up after an agent that was killed while no daemon ran', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: "run trap '' TERM; while :; do sleep 600; done" })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  daemon.kill('SIGKILL')
  await daemon.ended
  process.kill(pid!, 'SIGKILL')
  await until(() => !isAliveAt(pid!))
  assert.ok(stage.agentProcesses(agent).length > 0)
  await stage.daemon()
  assert.equal((await stage.agentIs(agent, 'exited')).exit?.reason, 'killed')
  await until(() => stage.agentProcesses(agent).length === 0, {
    what: 'the end of the agent’s leftover processes',
  })
})

test('leftover processes are found, no matter by which path a program opens the state folder', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const link = join(stage.dir, 'link')
  symlinkSync(stage.state, link)
  const daemon = await stage.daemon({ FOMULAR_STATE_DIR: link })
  const agent = await stage.start({ prompt: 'run sleep 600' })
  await stage.eventually(agent, 'turn_result')
  const left = stage.agentProcesses(agent)
  assert.ok(
    left.some(({ pid }) => commandLines().some((line) => line.pid === pid && line.argv[0] === 'sleep')),
  )
  const { mark } = JSON.parse(readFileSync(join(stage.state, 'agents', agent, 'run.json'), 'utf8'))
  // The first process names the agent's folder by the path through the link, as in earlier versions. The
  // second process belongs to a removed agent.
  const old = marked(t, join(link, 'agents', agent), mark)
  const removed = marked(t, join(link, 'agents/removed'))
  daemon.kill('SIGKILL')
  await daemon.ended
  await stage.daemon()
  await stage.command(agent, 'stop')
  assert.deepEqual(left.filter(isAlive), [])
  assert.deepEqual(pidsOf(old.pid!), [])
  for (const dir of [stage.state, link]) {
    const found = await doctor({ env: { ...stage.env, FOMULAR_STATE_DIR: dir } })
    const unproven = found.flatMap((finding) => finding.unproven ?? [])
    assert.equal(unproven.find(({ pid }) => pid === removed.pid)?.why, 'removed')
  }
})

test('an agent with a damaged folder is found and ended', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start()
  daemon.kill('SIGKILL')
  await daemon.ended
  rmSync(join(stage.state, 'agents', agent, 'run.json'))
  await stage.daemon()
  await until(() => stage.agentProcesses(agent).length === 0, { what: 'its end' })
})

const isAliveAt = (pid: number) => commandLines().some((line) => line.pid === pid)

const isMcp = (pid: number, server: string) =>
  commandLines().some((line) => line.pid === pid && line.argv.includes(server))

/** Reports whether a process shares a session with a marked process of the agent. */
function isBelow(pid: number, stage: Stage, agent: string): boolean {
  const sessionOf = (of: number) => {
    const stat = readFileSync(`/proc/${of}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
  }
  try {
    return stage.agentProcesses(agent).some((marked) => sessionOf(marked.pid) === sessionOf(pid))
  } catch {
    return false
  }
}
