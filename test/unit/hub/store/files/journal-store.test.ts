import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { JournalStore } from '../../../../../src/hub/store/files/journal-store.ts'
import { createLogger } from '../../../../../src/platform/log.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { tempDir } from '../../../../support/temp.ts'
import { until } from '../../../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
/** Time in which the store gathers frames, in ms. */
const GATHER_MS = 3

function storeIn(t: TestContext) {
  const root = tempDir(t)
  const dir = join(root, 'agents')
  const clock = new ManualClock()
  const committed = new Set<string>()
  const store = new JournalStore({ dir, commitsDir: join(root, 'commits'), clock, logger })
  store.events.on('committed', (keys) => {
    for (const key of keys) committed.add(key)
  })
  const take = (key: string, machine = 'm') =>
    store.take(key, machine, { type: 'agent:activity', agent_id: key, from: 0, to: 1, events: [] }, 0)
  return { dir, clock, committed, store, take }
}

test('once the disk works again, all waiting activity is written without further delays', async (t) => {
  const { dir, clock, committed, store, take } = storeIn(t)
  for (let n = 0; n < 200; n++) await take(`a-${n}`)
  writeFileSync(dir, 'no folder')
  const haveFailed = () => {
    clock.pass(100)
    return clock.monotonic() > 800 && store.problem !== undefined
  }
  await until(haveFailed, { what: 'the tries' })
  assert.equal(committed.size, 0)
  assert.ok(store.waitingOf('m') > 0)
  rmSync(dir)
  mkdirSync(dir)
  clock.pass(1000)
  for (let least = 64; least <= 200; least += 64) {
    await until(() => committed.size >= least, { what: `${least} agents` })
    clock.pass(GATHER_MS)
  }
  await until(() => committed.size === 200, { what: 'all' })
  assert.deepEqual([store.waitingOf('m'), store.problem], [0, undefined])
  await store.close()
})

test('an agent whose folder cannot be written delays no other agent', async (t) => {
  const { dir, clock, committed, store, take } = storeIn(t)
  mkdirSync(dir)
  await take('broken')
  writeFileSync(join(dir, 'broken'), 'no folder')
  clock.pass(GATHER_MS)
  await until(() => store.problem, { what: 'the problem' })
  await take('good', 'another')
  clock.pass(GATHER_MS)
  await until(() => committed.has('good'), { what: 'the other' })
  assert.ok(store.problem && store.waitingOf('m') > 0 && store.waitingOf('another') === 0)
  store.forget('broken')
  clock.pass(1000)
  await until(() => !store.problem, { what: 'the end of the problem' })
  assert.equal(store.waitingOf('m'), 0)
  await store.close()
})
