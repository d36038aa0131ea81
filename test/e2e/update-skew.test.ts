import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { builtAt, hasCommit } from '../support/earlier-release.ts'
import { Installation } from '../support/installation.ts'
import { FAULT, TestRegistry } from '../support/registry.ts'
import { until } from '../support/wait.ts'

/** A version that machines have, and update from. */
const EARLIER = 'cc3fa4690bd78b5930578bb03025aa2552713177'

test('from an earlier version, back to it from a trial and by an order: agents are adopted, prompted and stopped by both', async (t) => {
  assert.ok(
    hasCommit(EARLIER),
    'This clone lacks the history that the test builds from: git fetch --unshallow',
  )
  const registry = await TestRegistry.open(t)
  const earlier = await builtAt(t, EARLIER, '1.0.0')
  await registry.release({ version: '1.0.0', code: earlier })
  await registry.release({ version: '2.0.0', tag: 'refused', before: FAULT.refused })
  await registry.release({ version: '1.1.0' })
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  await machine.hub(earlier)
  const keyFile = join(stage.state, 'hub/machine.key')
  const key = readFileSync(keyFile, 'utf8').trim()
  stage.run(['run', '--server-url', `ws://127.0.0.1:${stage.port}`, '--key', key], {}, stage.daemonCommand)
  await machine.runs('1.0.0')
  const agents = await Promise.all(['first', 'second', 'third'].map((prompt) => stage.start({ prompt })))
  const pids = await Promise.all(agents.map(async (id) => (await stage.agentIs(id, 'idle')).pid))
  /** Each agent is the same process as ever, and answers. */
  const areFed = async (text: string) => {
    for (const [index, id] of agents.entries()) {
      assert.equal((await stage.agentIs(id, 'idle')).pid, pids[index], text)
      const from = (await stage.events(id)).length
      assert.equal((await stage.command(id, 'prompt', { content: text })).state, 'succeeded')
      await stage.eventually(id, 'turn_result', () => true, from)
    }
  }
  await areFed('before')

  const refused = await machine.order('refused')
  assert.equal(refused.state, 'failed', JSON.stringify(refused))
  await machine.runs('1.0.0')
  await areFed('after the trial')

  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
  await machine.runs('1.1.0')
  await areFed('on the later version')
  const { pid } = machine.daemon!
  const { stdout } = await execa('grep', ['-rlF', '--devices=skip', '-e', key, stage.dir], { reject: false })
  assert.equal(stdout, keyFile, 'the key is in no other file')
  const stop = (id: string) => stage.command(id, 'stop', { grace_s: 1 })
  assert.equal((await stop(agents.pop()!)).state, 'succeeded')
  const own = await stage.start({ prompt: 'of the later version' })
  pids[agents.length] = (await stage.agentIs(own, 'idle')).pid
  agents.push(own)

  const back = await machine.order('1.0.0', { allow_downgrade: true })
  assert.equal(back.state, 'succeeded', JSON.stringify(back))
  await machine.runs('1.0.0')
  assert.notEqual(machine.daemon?.pid, pid)
  await areFed('back on the earlier version')
  for (const id of agents) assert.equal((await stop(id)).state, 'succeeded')
  await until(() => agents.every((id) => stage.agentProcesses(id).length === 0), {
    what: 'the end of all agents',
  })
})
