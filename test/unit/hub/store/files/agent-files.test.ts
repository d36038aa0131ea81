import assert from 'node:assert/strict'
import fs, { existsSync, readdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AgentFiles } from '../../../../../src/hub/store/files/agent-files.ts'
import { DebouncedWriter } from '../../../../../src/hub/store/files/debounced-writer.ts'
import { JournalStore } from '../../../../../src/hub/store/files/journal-store.ts'
import { createLogger } from '../../../../../src/platform/log.ts'
import { frameOf } from '../../../../support/light-daemon.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { tempDir } from '../../../../support/temp.ts'
import { until } from '../../../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** A store with one agent, which has a history. */
async function storeWithAgent(t: TestContext) {
  const root = tempDir(t)
  const dir = join(root, 'agents')
  const clock = new ManualClock()
  const journals = new JournalStore({ dir, commitsDir: join(root, 'commits'), clock, logger })
  const agents = new AgentFiles({
    dir,
    snapshot: join(root, 'agents.snapshot'),
    journals,
    writer: new DebouncedWriter({ clock, logger }),
    logger,
  })
  await agents.load()
  t.after(() => journals.close())
  const ref = { agent_id: 'a', machine_id: 'm' }
  const key = agents.newKey(ref)
  await agents.save({ version: 1, ...ref, gone: false, ordered: true, key })
  await journals.take(key, 'm', frameOf('a', 0, 50), 0)
  const isStored = () => {
    clock.pass(10)
    return journals.stateOf(key).have === 50
  }
  await until(isStored, { what: 'the activity' })
  /** Returns the key and the history of a new agent with the same id. */
  const again = async (machine_id: string) => {
    const next = agents.newKey({ agent_id: 'a', machine_id })
    await journals.open(next)
    return { key: next, have: journals.stateOf(next).have }
  }
  return { dir, clock, agents, key, again }
}

/** Makes calls of functions in node:fs fail, as on a full disk. @returns a function that ends the failures */
function fail(t: TestContext, ...names: ('renameSync' | 'rmSync')[]): () => void {
  const mocks = names.map((name) =>
    t.mock.method(fs, name, () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }),
  )
  syncBuiltinESMExports()
  const restore = () => {
    for (const { mock } of mocks) mock.restore()
    syncBuiltinESMExports()
  }
  t.after(restore)
  return restore
}

test('a removed agent leaves no history to its successor, even if the disk has no space for a rename', async (t) => {
  const { dir, agents, key, again } = await storeWithAgent(t)
  fail(t, 'renameSync')
  await agents.remove(key)
  assert.deepEqual(readdirSync(dir), [])
  assert.deepEqual(await again('m'), { key: 'a', have: 0 })
})

test('until the folder of a removed agent can be deleted, a new agent gets another folder', async (t) => {
  const { dir, clock, agents, key, again } = await storeWithAgent(t)
  const restore = fail(t, 'renameSync', 'rmSync')
  await agents.remove(key)
  assert.deepEqual(await again('m'), { key: 'a@m', have: 0 })
  restore()
  clock.pass(1000)
  assert.ok(!existsSync(join(dir, 'a')))
  assert.deepEqual(await again('m-2'), { key: 'a', have: 0 })
})
