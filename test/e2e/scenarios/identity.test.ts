import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identify, isAlive, sendSignal } from '../../../src/platform/process-identity.ts'
import { fakeStage } from '../../support/fake-agent.ts'
import { until } from '../../support/wait.ts'

const LAST_PID = '/proc/sys/kernel/ns_last_pid'

/**
 * Starts a process that is not an agent and has this pid. Returns undefined if the system does not assign the
 * pid.
 */
function strangerAt(t: TestContext, pid: number): ChildProcess | undefined {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      writeFileSync(LAST_PID, String(pid - 1))
    } catch {
      return undefined
    }
    const child = spawn('sleep', ['600'])
    if (child.pid === pid) {
      t.after(() => child.kill('SIGKILL'))
      return child
    }
    child.kill('SIGKILL')
  }
  return undefined
}

function stranger(t: TestContext): ChildProcess {
  const child = spawn('sleep', ['600'])
  t.after(() => child.kill('SIGKILL'))
  return child
}

test('the daemon never signals a process that only has the pid of an ended agent', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ prompt: 'hello' })
  await stage.eventually(agent, 'turn_result')
  const { pid } = await stage.agentIs(agent, 'idle')
  daemon.kill('SIGKILL')
  await daemon.ended
  const all = stage.agentProcesses(agent)
  for (const process of all) sendSignal(process, 'SIGKILL')
  await until(() => !all.some(isAlive) && !existsSync(`/proc/${pid}`))

  const other = strangerAt(t, pid!) ?? stranger(t)
  const identity = identify(other.pid!)!
  const path = join(stage.state, 'agents', agent, 'process.json')
  const record = JSON.parse(readFileSync(path, 'utf8'))
  // The record keeps the start time of the ended agent. If the system did not reuse the agent's pid, the
  // record gets the pid of the new process.
  for (const role of ['launcher', 'agent', 'feeder']) record[role].pid = other.pid
  writeFileSync(path, JSON.stringify(record))

  await stage.daemon()
  const lost = await stage.agentIs(agent, 'exited')
  assert.deepEqual(lost.exit, { reason: 'lost' })
  assert.equal((await stage.command(agent, 'stop')).state, 'succeeded')
  assert.equal((await stage.command(agent, 'resume')).state, 'succeeded')
  assert.notEqual((await stage.agentIs(agent, 'idle')).pid, other.pid)
  assert.equal((await stage.command(agent, 'remove', { force: true })).state, 'succeeded')
  assert.ok(isAlive(identity))
})
