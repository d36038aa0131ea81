// Needs: root, mount
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { besideKey } from '../../src/config/kept-identity.ts'
import { fakeStage } from '../support/fake-agent.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/**
 * Starts a daemon with a separate state folder, an agent without a lease, and an agent that keeps running
 * because of its lease.
 */
async function working(t: TestContext) {
  const stage = await fakeStage(t)
  await stage.hub()
  const state = join(stage.dir, 'apart/state')
  const daemon = await stage.daemon({ FOMULAR_STATE_DIR: state })
  const lease = { after_s: 3600, action: 'keep' as const }
  const [plain, kept] = await Promise.all([
    stage.start({ prompt: 'hello' }),
    stage.start({ prompt: 'hello', lease }),
  ])
  for (const agent of [plain, kept]) await stage.eventually(agent, 'turn_result')
  const pids = await Promise.all([plain, kept].map(async (agent) => (await stage.agent(agent)).pid!))
  return { stage, daemon, state, plain, kept, plainPid: pids[0]!, keptPid: pids[1]! }
}

const lives = (pid: number) => existsSync(`/proc/${pid}`)

const deeds: [string, (stage: Stage, state: string) => void, RegExp][] = [
  [
    'deleted',
    (_, state) => rmSync(state, { recursive: true }),
    /is gone: it was deleted, moved or unmounted/,
  ],
  [
    'deleted with its parent folder',
    (stage) => rmSync(join(stage.dir, 'apart'), { recursive: true }),
    /is gone/,
  ],
  ['moved', (_, state) => renameSync(state, `${state}-2`), /is gone/],
  [
    'replaced by another folder',
    (_, state) => {
      renameSync(state, `${state}-2`)
      mkdirSync(state)
    },
    /Another folder has taken the place/,
  ],
  [
    'emptied',
    (_, state) => {
      for (const name of readdirSync(state)) rmSync(join(state, name), { recursive: true })
    },
    /was emptied while the daemon was running/,
  ],
]

for (const [what, deed, words] of deeds)
  test(`a daemon whose state folder is ${what} reports the problem, and ends all agents except agents with the lease action keep`, async (t) => {
    const { stage, daemon, state, plainPid, keptPid } = await working(t)
    t.after(() => lives(keptPid) && process.kill(keptPid, 'SIGKILL'))
    deed(stage, state)
    assert.equal(await daemon.ended, 2, daemon.log())
    assert.match(daemon.log(), words)
    assert.match(daemon.log(), /Restore it at .* and start the daemon/)
    assert.doesNotMatch(daemon.log(), /^ {4}at /m)
    assert.ok(!lives(plainPid))
    assert.ok(lives(keptPid))
  })

test('a daemon on a new state folder shows in `status` that earlier agents still run', async (t) => {
  const { stage, daemon, state, keptPid } = await working(t)
  t.after(() => lives(keptPid) && process.kill(keptPid, 'SIGKILL'))
  const status = async () => {
    const { log, ended } = stage.run(['status', '--state-dir', state])
    await ended
    return log()
  }
  const before = await status()
  assert.doesNotMatch(before, /earlier agents still run/i)
  rmSync(state, { recursive: true })
  assert.equal(await daemon.ended, 2, daemon.log())
  const next = await stage.daemon({ FOMULAR_STATE_DIR: state })
  const same = await status()
  assert.match(same, /Earlier agents still run, but their folders were deleted or moved/)
  assert.equal(machineIn(same), machineIn(before))
  next.kill('SIGKILL')
  await next.ended
  // Without the identity file next to the key file, nothing identifies the machine.
  rmSync(state, { recursive: true })
  rmSync(besideKey(join(stage.state, 'hub/machine.key')))
  stage.run(stage.daemonArgs(), { FOMULAR_STATE_DIR: state })
  let other = ''
  await until(
    async () => {
      other = await status()
      return other.includes('new identity, although earlier agents still run')
    },
    { what: 'the report of the new identity' },
  )
  assert.notEqual(machineIn(other), machineIn(before))
  assert.ok(lives(keptPid))
})

const machineIn = (status: string) => /^Machine +(\S+)/m.exec(status)?.[1]

test('`up` reports that its hub folder was deleted or moved, and creates no new one', async (t) => {
  const stage = await fakeStage(t)
  const hub = join(stage.state, 'hub')
  for (const deed of [
    (dir: string) => rmSync(dir, { recursive: true, maxRetries: 5 }),
    (dir: string) => renameSync(dir, `${dir}-2`),
  ]) {
    const running = stage.run(['up', '--port', '0', '--verbose'])
    await until(() => running.log().includes('Ctrl-C stops everything'), { what: 'up' })
    deed(hub)
    assert.equal(await running.ended, 2, running.log())
    assert.match(running.log(), /The hub's folder .* (is gone|was emptied)/)
    assert.match(running.log(), /Restore it at .* and start the hub/)
    assert.doesNotMatch(running.log(), /^ {4}at /m)
    assert.ok(!existsSync(hub))
  }
})

test('a daemon whose agents’ folders are deleted keeps its lock and its identity', async (t) => {
  const { stage, daemon, state, plain, kept, plainPid, keptPid } = await working(t)
  t.after(() => lives(keptPid) && process.kill(keptPid, 'SIGKILL'))
  const before = (await stage.machine())!.machine_id
  rmSync(join(state, 'agents'), { recursive: true })
  for (const agent of [plain, kept]) await stage.agentIs(agent, ({ gone }) => gone === true)
  await until(() => !lives(plainPid))
  assert.ok(lives(keptPid))
  // The daemon can start new agents.
  const next = await stage.start({ prompt: 'hello' })
  await stage.eventually(next, 'turn_result')

  for (const name of ['lock', 'machine.json']) {
    rmSync(join(state, name))
    await until(() => existsSync(join(state, name)), { what: `the new file ${name}` })
  }
  const second = stage.run(stage.daemonArgs(), { FOMULAR_STATE_DIR: state })
  assert.equal(await second.ended, 4)
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)
  await stage.daemon({ FOMULAR_STATE_DIR: state })
  assert.equal((await stage.machine())!.machine_id, before)
})

test('a read-only disk is reported while it lasts, keeps agents alive, and prevents a new daemon from starting', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const disk = mkdtempSync(join(tmpdir(), 'fomular-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk])
  const unmount = () => execFileSync('umount', ['--lazy', disk])
  t.after(() => {
    unmount()
    rmdirSync(disk)
  })
  const state = join(disk, 'state')
  const daemon = await stage.daemon({ FOMULAR_STATE_DIR: state })
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agent(agent)
  const told = async () =>
    (await stage.machine())?.status.problems.find(({ code }) => code === 'state_read_only')
  // Puts a second, read-only mount on top of the disk. The disk itself cannot be remounted, because it has
  // files open for writing.
  execFileSync('mount', ['--bind', disk, disk])
  execFileSync('mount', ['-o', 'remount,bind,ro', disk])
  const problem = await until(told, { what: 'the report of the read-only disk' })
  assert.match(problem.message, /cannot be written to/)
  const refused = await stage.command(agent, 'prompt', { content: 'more' })
  assert.match(refused.error?.message ?? '', /read-only/)
  assert.ok(lives(pid!))
  unmount()
  await until(async () => !(await told()), { what: 'the end of the problem' })
  await stage.command(agent, 'prompt', { content: 'more' })
  await stage.eventually(agent, 'text', ({ text }) => text === 'more')
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0, daemon.log())

  execFileSync('mount', ['-o', 'remount,ro', disk])
  for (const folder of [state, join(disk, 'none')]) {
    const second = stage.run(stage.daemonArgs(), { FOMULAR_STATE_DIR: folder })
    assert.notEqual(await second.ended, 0)
    assert.match(second.log(), /cannot be used: its disk is read-only/)
    assert.match(second.log(), /remount,rw/)
    assert.doesNotMatch(second.log(), /ENOENT|EROFS/)
  }
})
