import assert from 'node:assert/strict'
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { HUB_LIMITS } from '../../../src/config/hub-limits.ts'
import { hubStore, type StorePlace } from '../../../src/config/hub-store.ts'
import { migrate } from '../../../src/hub/migrate/migrate.ts'
import { lockContents, onStores } from '../../../src/hub/open-contents.ts'
import { openStore } from '../../../src/hub/open-store.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { addAgent, fill, readAll } from '../../support/filled-store.ts'
import { frameOf } from '../../support/light-daemon.ts'
import { TestPostgres } from '../../support/postgres.ts'
import { tempDir } from '../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const server = await TestPostgres.start({ after })
const common = { strict: true, clock: systemClock, logger }

const databaseIn = (name: string) => hubStore({ store: server.url(name) }, {})!

/** Opens the store of a hub. */
const open = (dir: string, database?: string) =>
  openStore({
    ...common,
    dir,
    address: database === undefined ? undefined : databaseIn(database),
    faults: [],
    audit: HUB_LIMITS.audit,
  })

async function move(from: StorePlace, to: StorePlace) {
  const folder = 'dir' in from ? from.dir : 'dir' in to ? to.dir : ''
  const source = await lockContents(from, { ...common, folder, isNew: false })
  try {
    const target = await lockContents(to, { ...common, folder, isNew: true })
    try {
      return await migrate({ source, target, onProgress() {}, clock: systemClock })
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** A folder with data of every kind, and an empty database. */
async function filled(t: TestContext) {
  const dir = join(tempDir(t), 'hub')
  const store = await open(dir)
  await fill(store)
  await store.close()
  const database = await server.create()
  return { dir, database, address: databaseIn(database) }
}

/** Returns everything in a copy of a folder, so that nothing changes the folder. */
async function contentOf(t: TestContext, dir: string) {
  const copy = join(tempDir(t), 'hub')
  cpSync(dir, copy, { recursive: true })
  const store = await open(copy)
  const all = await readAll(store)
  await store.close()
  return all
}

test('every kind of data is the same in a database, and again in files', async (t) => {
  const { dir, database, address } = await filled(t)
  const before = await contentOf(t, dir)
  const result = await move({ dir }, { address })
  assert.deepEqual([result.already, result.agents, result.unreadable, result.withoutRecord], [false, 3, 0, 0])
  const inDatabase = await open(dir, database)
  assert.deepEqual(await readAll(inDatabase), before)
  await inDatabase.close()

  const back = join(tempDir(t), 'back')
  assert.equal((await move({ address }, { dir: back })).agents, 3)
  for (const key of ['machine.key', 'user.key']) cpSync(join(dir, key), join(back, key))
  assert.deepEqual(await contentOf(t, back), before)
  for (const key of readdirSync(join(dir, 'agents')))
    if (existsSync(join(dir, 'agents', key, 'activity.jsonl')))
      assert.deepEqual(
        readFileSync(join(back, 'agents', key, 'activity.jsonl')),
        readFileSync(join(dir, 'agents', key, 'activity.jsonl')),
      )
})

test('no table and no file of a store is unknown to the copy', async (t) => {
  const { dir, database, address } = await filled(t)
  await move({ dir }, { address })
  const store = await open(dir, database)
  await store.close()
  const tables = await server.query(
    database,
    `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
  )
  assert.deepEqual(
    tables.map(({ name }) => name),
    // `lease` and `format` describe the database, and no data.
    ['activity', 'agent', 'audit', 'command', 'format', 'lease', 'list', 'machine'],
  )
  const lists = await server.query(database, 'select name from list order by 1')
  assert.deepEqual(
    lists.map(({ name }) => name),
    [
      'blocked versions',
      'enrollments',
      'keys',
      'migration',
      'push',
      'push key',
      'rollouts',
      'sessions',
      'user keys',
    ],
  )
  const stay = ['format.json', 'machine.key', 'migration.json', 'modes.json', 'store-holder', 'user.key']
  const copied = [
    'agents',
    'audit',
    'blocked.json',
    'commands.jsonl',
    'commits',
    'enrolments.json',
    'keys.json',
    'machines.json',
    'push.json',
    'push.key',
    'rollouts.json',
    'sessions.json',
    'user-keys.json',
  ]
  assert.deepEqual(
    readdirSync(dir)
      .filter((name) => !stay.includes(name))
      .sort(),
    copied,
  )
})

test('a hub refuses the source of a copy, and the target of a copy that is not complete', async (t) => {
  const { dir, database, address } = await filled(t)
  const failing = move({ dir }, { address }).catch((error) => error)
  assert.equal((await failing).already, false)
  await assert.rejects(open(dir), { code: 'store_moved' })
  const record = { version: 1, role: 'target', state: 'copying', other: dir, at: 'now' }
  const text = JSON.stringify({ version: 1, records: [record] })
  await server.query(database, `update list set content = '${text}' where name = 'migration'`)
  await assert.rejects(open(dir, database), { code: 'migration_unfinished' })
  // The same command completes the copy.
  await move({ dir }, { address })
  await (await open(dir, database)).close()
  assert.equal((await move({ dir }, { address })).already, true)
})

test('a copy is refused while a hub uses either store', async (t) => {
  const { dir, database, address } = await filled(t)
  const source = await open(dir)
  await assert.rejects(move({ dir }, { address }), { code: 'hub_running' })
  await source.close()
  const target = await open(join(tempDir(t), 'hub'), database)
  await assert.rejects(move({ dir }, { address }), { code: 'hub_running' })
  await target.close()
  // A hub that was only started has no data: only its own keys.
  await move({ dir }, { address })
})

test('a copy is refused if the target has other data, or the source has none', async (t) => {
  const { dir, address } = await filled(t)
  const other = await filled(t)
  await move({ dir }, { address })
  await assert.rejects(move({ dir: other.dir }, { address }), { code: 'store_not_empty' })
  await assert.rejects(move({ address }, { dir: other.dir }), { code: 'store_not_empty' })
  await assert.rejects(move({ dir }, { address: other.address }), { code: 'store_moved' })
  await assert.rejects(move({ dir: join(tempDir(t), 'none') }, { address: other.address }), {
    code: 'store_missing',
  })
  const empty = databaseIn(await server.create())
  await assert.rejects(move({ address: empty }, { dir: join(tempDir(t), 'hub') }), { code: 'store_missing' })
})

test('an interrupted copy continues, also if the hub of the source has run meanwhile', async (t) => {
  const { dir, database, address } = await filled(t)
  await move({ dir }, { address })
  // As if the command had been killed, and the hub had then continued with its files.
  rmSync(join(dir, 'migration.json'))
  const record = { version: 1, role: 'target', state: 'copying', other: dir, at: 'now' }
  const text = JSON.stringify({ version: 1, records: [record] })
  await server.query(database, `update list set content = '${text}' where name = 'migration'`)
  const hub = await open(dir)
  const [first] = (await hub.agents.load()).filter(({ agent_id }) => agent_id === 'quiet')
  await hub.agents.remove(first!.key)
  const [grown] = (await hub.agents.load()).filter(({ machine_id }) => machine_id === 'm')
  assert.equal(await hub.journals.take(grown!.key, 'm', frameOf('a', 300, 400), 0), 'taken')
  await hub.sessions.change(() => [])
  await addAgent(hub, { agent_id: 'quiet', machine_id: 'm', ends: [30, 90] })
  await addAgent(hub, { agent_id: 'new', machine_id: 'm', ends: [30, 90] })
  await hub.close()
  const before = await contentOf(t, dir)
  await move({ dir }, { address })
  const store = await open(dir, database)
  assert.deepEqual(await readAll(store), before)
  await store.close()
})

test('a copy leaves out lines that no hub can read, and refuses a list that it cannot read', async (t) => {
  const { dir, database, address } = await filled(t)
  const before = await contentOf(t, dir)
  const journal = join(dir, 'agents/a/activity.jsonl')
  const lines = readFileSync(journal, 'utf8').split('\n')
  writeFileSync(journal, [lines[0], '{"from":100,"to"', ...lines.slice(1)].join('\n'))
  appendFileSync(journal, '{"from":300,"to":310,"ev')
  const sessions = readFileSync(join(dir, 'sessions.json'))
  writeFileSync(join(dir, 'sessions.json'), '{')
  await assert.rejects(move({ dir }, { address }), { code: 'store_damaged' })
  writeFileSync(join(dir, 'sessions.json'), sessions)
  assert.equal((await move({ dir }, { address })).unreadable, 1)
  const store = await open(dir, database)
  assert.deepEqual(await readAll(store), before)
  await store.close()
})

test('a copy ends when the database is away, and can be continued', async (t) => {
  const { dir, address } = await filled(t)
  const source = await lockContents({ dir }, { ...common, folder: dir, isNew: false })
  const target = await lockContents({ address }, { ...common, folder: dir, isNew: true })
  const add = target.add.bind(target)
  target.add = async (additions) => {
    await server.kill('SIGKILL')
    return add(additions)
  }
  const copy = onStores(async () => {
    await migrate({ source, target, onProgress() {}, clock: systemClock })
  })
  await assert.rejects(copy, { name: 'UserError', code: 'store_unavailable' })
  await target.close()
  await source.close()
  await server.start()
  assert.equal((await move({ dir }, { address })).agents, 3)
})

test('a copy keeps the numbers of the audit log, also with a gap, and leaves out records that no hub can read', async (t) => {
  const { dir, database, address } = await filled(t)
  const audit = join(dir, 'audit')
  rmSync(join(audit, readdirSync(audit)[0]!))
  writeFileSync(join(audit, '000000000100.jsonl'), '{"n":100}\n')
  writeFileSync(join(audit, '000000000300.jsonl'), '{"n":300}\n')
  appendFileSync(join(dir, 'commands.jsonl'), '{"version":1}\n')
  cpSync(join(dir, 'agents/a'), join(dir, 'agents/a@copy'), { recursive: true })
  const result = await move({ dir }, { address })
  assert.deepEqual([result.unreadable, result.withoutRecord], [2, 1])
  const rows = await server.query(database, 'select n::integer as n, line from audit order by n')
  assert.deepEqual(rows, [
    { n: 100, line: '{"n":100}' },
    { n: 300, line: '{"n":300}' },
  ])
  const back = join(tempDir(t), 'back')
  await move({ address }, { dir: back })
  assert.deepEqual(readdirSync(join(back, 'audit')), readdirSync(audit))
})
