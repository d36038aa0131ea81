import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { moveBytes } from '../../src/agents/disk/move-bytes.ts'
import { identify } from '../../src/platform/process-identity.ts'
import type { Outcome } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { journalEvents, merged } from '../support/journal.ts'
import { SmallDisk } from '../support/small-disk.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Size of a disk that is large enough to start agents, in MiB. */
const DISK_MIB = 300

/** Sets up a machine with its state folder on a small disk and its hub on another disk. */
async function smallMachine(t: TestContext) {
  const disk = new SmallDisk(t, DISK_MIB)
  const stage = await fakeStage(t)
  symlinkSync(disk.path, stage.state)
  mkdirSync(join(stage.dir, 'hub'))
  symlinkSync(join(stage.dir, 'hub'), join(stage.state, 'hub'))
  const hub = await stage.hub()
  const daemon = await stage.daemon()
  return { stage, disk, hub, daemon }
}

/** Makes the daemon check its disk now instead of at its next interval. Returns the problem. */
async function problem(stage: Stage, code: string) {
  const { machine_id } = (await stage.machine())!
  await stage.api('POST', `/api/machines/${machine_id}/check`)
  return (await stage.machine())?.status.problems.find((found) => found.code === code)
}

test('a nearly full disk prevents new agents, and the daemon refuses a prompt that it could not store', async (t) => {
  const { stage, disk } = await smallMachine(t)
  const agent = await stage.start({ prompt: 'one' })
  await stage.eventually(agent, 'turn_result')
  await stage.agentIs(agent, 'idle')
  disk.fill(100)
  const told = await until(() => problem(stage, 'disk_full'), { what: 'the report of the full disk' })
  // The daemon may have written its compile cache to the disk in the meantime.
  assert.match(told.message, /^Only (9\d|100) MiB left/)
  assert.equal((await stage.machine())?.status.accepts_agents, false)
  const refused = await stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd } })
  assert.equal(refused.error?.code, 'disk_full')

  // Running agents continue in the remaining space.
  const before = (await stage.events(agent)).length
  assert.equal((await stage.command(agent, 'prompt', { content: 'two' })).state, 'succeeded')
  await stage.eventually(agent, 'text', ({ text }) => text === 'two')
  await stage.eventually(agent, 'turn_result', () => true, before)

  disk.fill()
  const lost = await stage.command(agent, 'prompt', { content: 'three' })
  assert.equal(lost.error?.code, 'disk_full', JSON.stringify(lost))
  assert.ok(lost.error?.remedy)
  disk.clear()
  assert.equal((await stage.command(agent, 'prompt', { content: 'three, again' })).state, 'succeeded')
  await stage.eventually(agent, 'text', ({ text }) => text === 'three, again')
  await until(async () => !(await problem(stage, 'disk_full')), {
    what: 'the daemon to notice the free space',
  })
  const texts = (await stage.events(agent)).flatMap((event) => (event.kind === 'text' ? [event.text] : []))
  assert.deepEqual(texts, ['one', 'two', 'three, again'])
})

test('an agent that cannot write is reported as ended once there is free space, and continues after a resume', async (t) => {
  const { stage, disk, daemon } = await smallMachine(t)
  const agent = await stage.start({ prompt: 'one' })
  await stage.eventually(agent, 'turn_result')
  await stage.command(agent, 'prompt', { content: 'emit 100000 1000 5' })
  await stage.eventually(agent, 'text', ({ text }) => text !== 'one')
  const { pid } = await stage.agent(agent)
  disk.fill()
  await until(() => !identify(pid!), { what: 'the end of the agent' })
  // The daemon itself stays alive and connected.
  assert.equal((await stage.machine())?.connected, true)
  disk.clear()
  const ended = await stage.agentIs(agent, 'exited')
  assert.equal(ended.exit?.reason, 'crashed')
  const resumed = await stage.command(agent, 'resume', { prompt: 'back' })
  assert.equal(resumed.state, 'succeeded', `${JSON.stringify(resumed)}\n${daemon.log()}`)
  await stage.eventually(agent, 'text', ({ text }) => text === 'back')
  await stage.agentIs(agent, ({ state, offset, end }) => state === 'idle' && offset >= end)
  assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
})

test('a daemon that is killed while its disk is full does not send events again as if its disk was rolled back', async (t) => {
  const { stage, disk, hub, daemon } = await smallMachine(t)
  const agent = await stage.start()
  await stage.agentIs(agent, 'idle')
  await stage.command(agent, 'prompt', { content: 'emit 4 50 500' })
  await stage.agentIs(agent, 'working')
  hub.kill('SIGKILL')
  await hub.ended
  const written = (name: string) => readFileSync(join(stage.state, 'agents', agent, name), 'utf8')
  await until(() => /"type":"result"/.test(written('activity.jsonl')), { what: 'the end of the turn' })
  await until(() => JSON.parse(written('cursor.json')).apart, { what: 'the record of the lost connection' })
  disk.fill()
  await stage.hub()
  await stage.eventually(agent, 'turn_result')
  daemon.kill('SIGKILL')
  await daemon.ended
  disk.clear()
  await stage.daemon()
  await stage.command(agent, 'stop')
  await stage.eventually(agent, 'process_exited')
  const kinds = (await stage.events(agent)).map(({ kind }) => kind)
  assert.equal(kinds.filter((kind) => kind === 'process_started').length, 1)
  assert.ok(!kinds.includes('set_back'))
})

test('a daemon that cannot start on a full disk reports this, and its agents wait for the next daemon', async (t) => {
  const { stage, disk, daemon } = await smallMachine(t)
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  daemon.kill('SIGKILL')
  await daemon.ended
  disk.fill()
  const failed = stage.run(['run', '--key-file', join(stage.state, 'hub/machine.key')])
  assert.equal(await failed.ended, 1)
  assert.match(failed.log(), /^error: The disk is full[\s\S]*→ Free space/)
  disk.clear()
  const next = await stage.daemon()
  assert.equal((await stage.agent(agent)).pid, pid)
  assert.equal((await stage.command(agent, 'prompt', { content: 'again' })).state, 'succeeded')
  await stage.eventually(agent, 'text', ({ text }) => text === 'again')
  next.kill('SIGTERM')
  assert.equal(await next.ended, 0, next.log())
})

test('a journal that cannot be moved on a full disk stays unchanged', (t) => {
  const disk = new SmallDisk(t, 8)
  const path = join(disk.path, 'activity.jsonl')
  const lines = `${'x'.repeat(999)}\n`.repeat(3000)
  writeFileSync(path, lines)
  disk.fill()
  for (const running of [false, true]) {
    const record = () => ({ commit() {}, discard() {} })
    const where = { from: 1000, to: 10_000_000, running, marker: '{}', holes: [], record }
    assert.throws(() => moveBytes(path, where), { code: 'ENOSPC' })
    assert.ok(readFileSync(path, 'utf8') === lines)
  }
})
