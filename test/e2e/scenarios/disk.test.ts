import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Outcome } from '../../../src/protocol/index.ts'
import { Disk } from '../../chaos/disk.ts'
import { claudeStage } from '../../support/claude-stage.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { journalEvents, merged } from '../../support/journal.ts'
import { mock } from '../../support/messages-script.ts'
import type { Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'

const MINUTE = { timeoutMs: 60_000 }

/** Puts the stage's state folder, including the hub's folder, on its own disk. */
function smallDisk(t: TestContext, stage: Stage): Disk {
  const dir = mkdtempSync(join(tmpdir(), 'fomular-disk-'))
  const disk = new Disk(join(dir, 'disk'), 400)
  symlinkSync(disk.path, stage.state)
  t.after(() => {
    disk.unmount()
    rmSync(dir, { recursive: true, force: true })
  })
  return disk
}

const problem = async (stage: Stage, code: string) =>
  (await stage.machine())?.status.problems.find((found) => found.code === code)

/** Checks that every JSON and JSONL file is readable, and that no temporary files are left. */
function checkFiles(dir: string) {
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    assert.doesNotMatch(name, /\.tmp$|damaged/)
    const path = join(dir, name)
    if (name.endsWith('.json')) JSON.parse(readFileSync(path, 'utf8'))
    if (!name.endsWith('.jsonl') || /^agents\//.test(name)) continue
    for (const line of readFileSync(path, 'utf8').split('\n').filter(Boolean)) JSON.parse(line)
  }
}

describe('disk space', { concurrency: true }, () => {
  test('a machine with a nearly full disk accepts no new agents until there is free space', async (t) => {
    const stage = await fakeStage(t)
    smallDisk(t, stage)
    await stage.hub()
    await stage.daemon()
    assert.ok(await problem(stage, 'disk_low'))
    const agent = await stage.start({ prompt: 'hello' })
    const filler = join(stage.state, 'filler')
    execFileSync('fallocate', ['--length', '250M', filler])
    const told = await until(() => problem(stage, 'disk_full'), {
      ...MINUTE,
      what: 'the report of the full disk',
    })
    assert.match(told.message, /no new agents/)
    assert.equal((await stage.machine())?.status.accepts_agents, false)
    const refused = await stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd } })
    assert.equal(refused.error?.code, 'disk_full')
    // Running agents continue.
    assert.equal((await stage.command(agent, 'prompt', { content: 'go on' })).state, 'succeeded')
    await stage.eventually(agent, 'text', ({ text }) => text === 'go on')
    rmSync(filler)
    await until(async () => (await stage.machine())?.status.accepts_agents, {
      ...MINUTE,
      what: 'room again',
    })
    await stage.start()
  })

  test('a full disk corrupts nothing, and agent, daemon, and hub continue once there is free space', async (t) => {
    const { stage } = await claudeStage(t)
    const disk = smallDisk(t, stage)
    await stage.hub()
    let daemon = await stage.daemon()
    const [streaming, quiet] = await Promise.all([
      stage.start({ prompt: mock([{ text: 'word ', repeat: 20_000, every: 20 }]) }),
      stage.start({ prompt: mock([{ text: 'before' }]) }),
    ])
    await stage.eventually(streaming, 'text_delta')
    await stage.eventually(quiet, 'turn_result')
    const pids = await Promise.all([streaming, quiet].map(async (agent) => (await stage.agent(agent)).pid))

    disk.fill()
    await until(() => daemon.log().includes('ENOSPC'), { what: 'the daemon to hit the full disk' })
    const refused = await stage.command(quiet, 'prompt', { content: 'no room for this' })
    assert.notEqual(refused.state, 'succeeded')
    // A daemon cannot start on a full disk, and reports the reason.
    daemon.kill('SIGKILL')
    await daemon.ended
    const second = stage.run([
      'run',
      '--server-url',
      stage.hubUrl,
      '--key-file',
      join(stage.state, 'hub/machine.key'),
    ])
    assert.notEqual(await second.ended, 0)
    assert.match(second.log(), /error: The disk is full/)

    disk.free()
    daemon = await stage.daemon()
    for (const [i, agent] of [streaming, quiet].entries())
      assert.equal((await stage.agentIs(agent, ({ pid }) => pid !== undefined)).pid, pids[i])
    await stage.command(streaming, 'interrupt')
    await stage.eventually(streaming, 'turn_result')
    for (const agent of [streaming, quiet]) {
      const before = (await stage.events(agent)).length
      assert.equal(
        (await stage.command(agent, 'prompt', { content: mock([{ text: 'after' }]) })).state,
        'succeeded',
      )
      await stage.eventually(agent, 'turn_result', ({ text }) => text === 'after', before)
      await stage.agentIs(agent, ({ state, offset, end }) => state === 'idle' && offset >= end)
      assert.deepEqual(merged(await stage.events(agent)), merged(journalEvents(stage.state, agent)))
    }
    assert.equal((await fetch(`${stage.hubUrl}/health`)).status, 200)
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0, daemon.log())
    checkFiles(stage.state)
  })
})
