import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { HUB_LIMITS } from '../../../../../src/config/hub-limits.ts'
import { readSnapshot } from '../../../../../src/hub/store/files/agent-snapshot.ts'
import { openFileStore } from '../../../../../src/hub/store/files/file-store.ts'
import type { Store } from '../../../../../src/hub/store/store.ts'
import { systemClock } from '../../../../../src/platform/clock.ts'
import { createLogger } from '../../../../../src/platform/log.ts'
import { frameOf, statusOf } from '../../../../support/light-daemon.ts'
import { tempDir } from '../../../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
/** Number of agents: enough for a snapshot. */
const AGENTS = 600
/** Time after which unchanged files are in a snapshot, in ms. */
const SETTLED_MS = 3100

/** The folder of a hub with agents, whose files are old enough for a snapshot. */
async function hubFolder(t: TestContext) {
  const dir = join(tempDir(t), 'hub')
  const agents = join(dir, 'agents')
  mkdirSync(agents, { recursive: true, mode: 0o700 })
  const path = (id: string, name: string) => join(agents, id, name)
  const add = (id: string) => {
    mkdirSync(join(agents, id), { mode: 0o700 })
    const status = statusOf(id, { title: 'first title' })
    const record = { version: 1, agent_id: id, machine_id: 'm', gone: false, status, ordered: true }
    writeFileSync(path(id, 'agent.json'), JSON.stringify(record), { mode: 0o600 })
    writeFileSync(path(id, 'activity.jsonl'), line(0, 100), { mode: 0o600 })
  }
  for (let n = 0; n < AGENTS; n++) add(`a${n}`)
  await pause(SETTLED_MS)
  const open = () =>
    openFileStore({ dir, faults: [], strict: true, audit: HUB_LIMITS.audit, clock: systemClock, logger })
  /** Opens the store, passes it with its agents to `use`, and closes it. */
  const run = async <T>(use: (store: Store, agents: Map<string, Found>) => T | Promise<T>): Promise<T> => {
    const store = await open()
    try {
      return await use(store, await found(store))
    } finally {
      await store.close()
    }
  }
  const snapshot = join(dir, 'agents.snapshot')
  return { agents, path, add, run, snapshot }
}

interface Found {
  title: string | undefined
  have: number
  bytes: number
}

async function found({ agents, journals }: Store) {
  const all = new Map<string, Found>()
  for (const { key, status } of await agents.load()) {
    const { have, bytes } = journals.stateOf(key)
    all.set(key, { title: status?.title, have, bytes })
  }
  return all
}

function line(from: number, to: number) {
  const { events } = frameOf('a', from, to)
  return `${JSON.stringify({ from, to, events })}\n`
}

test('a hub finds all that other programs changed while it was stopped, although it has a snapshot', async (t) => {
  const { agents, path, add, run, snapshot } = await hubFolder(t)
  const before = await run((_, all) => all)
  assert.equal(before.size, AGENTS)
  assert.equal(readSnapshot(snapshot).size, AGENTS)

  // The same size, and the same time of the last change of the content.
  const { atime, mtime } = statSync(path('a1', 'agent.json'))
  const text = readFileSync(path('a1', 'agent.json'), 'utf8')
  writeFileSync(path('a1', 'agent.json'), text.replace('first title', 'other title'))
  utimesSync(path('a1', 'agent.json'), atime, mtime)
  // An earlier version of the hub continues a history.
  appendFileSync(path('a2', 'activity.jsonl'), line(100, 200))
  truncateSync(path('a3', 'activity.jsonl'), 5)
  rmSync(path('a4', 'activity.jsonl'))
  rmSync(join(agents, 'a5'), { recursive: true })
  writeFileSync(path('a6', 'agent.json'), 'damaged')
  add('new')

  const after = await run((_, all) => all)
  assert.equal(after.get('a1')?.title, 'other title')
  assert.equal(after.get('a2')?.have, 200)
  assert.equal(after.get('a3')?.have, 0)
  assert.deepEqual(after.get('a4'), { title: 'first title', have: 0, bytes: 0 })
  assert.ok(!after.has('a5') && !after.has('a6'))
  assert.ok(readdirSync(join(agents, 'a6')).some((name) => name.startsWith('agent.json.damaged-')))
  assert.deepEqual(after.get('new'), before.get('a0'))
  for (let n = 7; n < AGENTS; n++) assert.deepEqual(after.get(`a${n}`), before.get(`a${n}`))
})

test('a snapshot contains what the hub itself changed only after some time, and no agent is lost', async (t) => {
  const { run, snapshot } = await hubFolder(t)
  await run(async ({ agents, journals }) => {
    const committed = new Promise<void>((resolve) => journals.events.on('committed', () => resolve()))
    assert.equal(await journals.take('a1', 'm', frameOf('a1', 100, 300), 0), 'taken')
    await committed
    const status = statusOf('a2', { title: 'second title' })
    agents.saveSoon({ version: 1, agent_id: 'a2', machine_id: 'm', gone: false, status, key: 'a2' })
    await agents.remove('a3')
    const key = agents.newKey({ machine_id: 'm', agent_id: 'new' })
    await agents.save({ version: 1, agent_id: 'new', machine_id: 'm', gone: false, key })
  })
  const shots = readSnapshot(snapshot)
  for (const key of ['a1', 'a2', 'a3', 'new']) assert.ok(!shots.has(key), `${key} is in the snapshot`)
  const check = (all: Map<string, Found>) => {
    assert.equal(all.size, AGENTS)
    assert.equal(all.get('a1')?.have, 300)
    assert.equal(all.get('a2')?.title, 'second title')
    assert.ok(all.has('new') && !all.has('a3'))
  }
  await pause(SETTLED_MS)
  await run((_, all) => check(all))
  assert.equal(readSnapshot(snapshot).size, AGENTS)
  await run((_, all) => check(all))
})

test('a journal that a snapshot knows continues without a gap', async (t) => {
  const { path, run } = await hubFolder(t)
  await run(() => {})
  await run(async ({ journals }) => {
    const committed = new Promise<void>((resolve) => journals.events.on('committed', () => resolve()))
    assert.equal(await journals.take('a1', 'm', frameOf('a1', 150, 200), 0), 'gap')
    assert.equal(await journals.take('a1', 'm', frameOf('a1', 100, 200), 0), 'taken')
    await committed
    assert.equal(journals.stateOf('a1').have, 200)
  })
  assert.equal(readFileSync(path('a1', 'activity.jsonl'), 'utf8'), line(0, 100) + line(100, 200))
})

test('a hub ignores a snapshot that is damaged, incomplete, or from another version', async (t) => {
  const { run, snapshot } = await hubFolder(t)
  const before = await run((_, all) => all)
  const whole = readFileSync(snapshot, 'utf8')
  const otherVersion = whole.replace(/"program":"[^"]*"/, '"program":"9.9.9"')
  const damaged = whole.replace('first title', 'wrong title')
  for (const text of ['', 'x', damaged, whole.slice(0, -1), otherVersion]) {
    writeFileSync(snapshot, text)
    assert.deepEqual(await run((_, all) => all), before)
    // The next stop writes the snapshot again.
    assert.equal(readSnapshot(snapshot).size, AGENTS)
  }
})
