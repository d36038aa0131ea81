import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { hubStore } from '../../../src/config/hub-store.ts'
import { checkStore } from '../../../src/hub/check/check-store.ts'
import { readContents } from '../../../src/hub/open-contents.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { addAgent, fill, openAsHub } from '../../support/filled-store.ts'
import { TestPostgres } from '../../support/postgres.ts'
import { tempDir } from '../../support/temp.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const server = await TestPostgres.start({ after })

const open = (dir: string, database?: string) =>
  openAsHub(dir, database === undefined ? undefined : server.url(database))

/** Fills a store, so that it has a history `a` of several lines. */
async function filled(dir: string, database?: string): Promise<string> {
  const store = await open(dir, database)
  await fill(store)
  const { key } = await addAgent(store, { agent_id: 'checked', machine_id: 'm', ends: [10, 20, 30, 40] })
  await store.close()
  return key
}

async function findingsIn(place: Parameters<typeof readContents>[0]) {
  const contents = await readContents(place, logger)
  try {
    const { findings, problems } = await checkStore(contents, () => {})
    assert.equal(findings.filter(({ level }) => level === 'problem').length, problems)
    return findings.map(({ level, kind, message }) => ({
      kind: level === 'note' ? `${kind} (note)` : kind,
      message,
    }))
  } finally {
    await contents.close()
  }
}

const kindsOf = (findings: { kind: string }[]) => [...new Set(findings.map(({ kind }) => kind))].sort()

/** Lines of a history, changed. */
const CHANGES: Record<string, { change: (lines: string[]) => string[]; kinds: string[] }> = {
  'a missing line': { change: ([a, , ...rest]) => [a!, ...rest], kinds: ['gap'] },
  'a missing beginning': { change: ([, ...rest]) => rest, kinds: ['gap (note)'] },
  'a line that overlaps': {
    change: (lines) => lines.map((line) => line.replace('"from":20', '"from":15')),
    kinds: ['overlap'],
  },
  'an event outside of its line': {
    change: (lines) => lines.map((line) => line.replace('"offset":10', '"offset":5')),
    kinds: ['offset'],
  },
  'an event of another form': {
    change: (lines) => lines.map((line) => line.replace('"offset":10', '"offset":"x"')),
    kinds: ['unreadable'],
  },
  'a line without an end': {
    change: (lines) => lines.map((line) => line.replace('at 20"}]}', '')),
    kinds: ['gap', 'unreadable'],
  },
}

for (const [name, { change, kinds }] of Object.entries(CHANGES))
  test(`a check of files finds ${name}, and changes nothing`, async (t) => {
    const dir = join(tempDir(t), 'hub')
    const key = await filled(dir)
    assert.deepEqual(await findingsIn({ dir }), [])
    const journal = join(dir, 'agents', key, 'activity.jsonl')
    const lines = readFileSync(journal, 'utf8').split('\n').slice(0, -1)
    writeFileSync(
      journal,
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    )
    const before = treeOf(dir)
    assert.deepEqual(kindsOf(await findingsIn({ dir })), kinds)
    assert.deepEqual(treeOf(dir), before)
  })

test('a check of files finds lists and records that cannot be read, and what belongs to nobody', async (t) => {
  const dir = join(tempDir(t), 'hub')
  const key = await filled(dir)
  writeFileSync(join(dir, 'sessions.json'), '{')
  writeFileSync(join(dir, 'agents', key, 'agent.json'), '{"version":1}')
  rmSync(join(dir, 'agents/quiet/agent.json'))
  writeFileSync(join(dir, 'machines.json'), '{"version":1,"machines":[]}')
  const audit = join(dir, 'audit', readdirSync(join(dir, 'audit'))[0]!)
  writeFileSync(audit, readFileSync(audit, 'utf8').replace('{"n":7}', '{"n":'))
  const findings = await findingsIn({ dir })
  assert.deepEqual(kindsOf(findings), ['orphan', 'unreadable'])
  for (const what of [
    /sessions\.json/,
    /agent checked cannot be read/,
    /history quiet/,
    /unknown machine m\b/,
    /Line 7 of the audit/,
  ])
    assert.equal(findings.filter(({ message }) => what.test(message)).length, 1, String(what))
})

/** SQL that damages the history of agent KEY. */
const DAMAGE: Record<string, { sql: string; kinds: string[] }> = {
  'a missing line': {
    sql: `delete from activity where agent = 'KEY' and "from" = 10`,
    kinds: ['gap', 'offset'],
  },
  'a missing end': { sql: `delete from activity where agent = 'KEY' and "from" = 30`, kinds: ['offset'] },
  'an end that is too early': { sql: `update agent set have = 30 where key = 'KEY'`, kinds: ['offset'] },
  'a wrong size': { sql: `update agent set bytes = bytes + 1 where key = 'KEY'`, kinds: ['offset'] },
  'a line that cannot be read': {
    sql: `update activity set line = 'x' where agent = 'KEY' and "from" = 10`,
    kinds: ['gap', 'offset', 'unreadable'],
  },
  'a line at another offset': {
    sql: `update activity set "from" = 11 where agent = 'KEY' and "from" = 10`,
    kinds: ['gap', 'offset', 'unreadable'],
  },
  'an agent without a record': { sql: `update agent set record = null where key = 'KEY'`, kinds: ['orphan'] },
  'lines without an agent': { sql: `delete from agent where key = 'KEY'`, kinds: ['orphan'] },
  'the same agent twice': {
    sql: `insert into agent (key, record) select 'copy', record from agent where key = 'KEY'`,
    kinds: ['double'],
  },
  'an unreadable list': { sql: `update list set content = '{}' where name = 'push'`, kinds: ['unreadable'] },
  'a gap in the audit log': { sql: `delete from audit where n = 7`, kinds: ['gap'] },
  'an incomplete copy': {
    sql: `insert into list values ('migration', '{"version":1,"records":[{"version":1,"role":"target","state":"copying","other":"x","at":"now"}]}')`,
    kinds: ['migration'],
  },
}

async function filledDatabase(t: TestContext) {
  const name = await server.create()
  const key = await filled(join(tempDir(t), 'hub'), name)
  return { name, key, place: { address: hubStore({ store: server.url(name) }, {})! } }
}

for (const [name, { sql, kinds }] of Object.entries(DAMAGE))
  test(`a check of a database finds ${name}`, async (t) => {
    const { name: database, key, place } = await filledDatabase(t)
    assert.deepEqual(await findingsIn(place), [])
    await server.query(database, sql.replaceAll('KEY', key))
    assert.deepEqual(kindsOf(await findingsIn(place)), kinds)
  })

test('a check is possible while a hub runs, and while it stores activity', async (t) => {
  const dir = join(tempDir(t), 'hub')
  await filled(dir)
  const { name, place } = await filledDatabase(t)
  for (const [store, checked] of [
    [await open(dir), { dir }],
    [await open(join(tempDir(t), 'hub'), name), place],
  ] as const) {
    await store.agents.load()
    const ends = Array.from({ length: 300 }, (_, n) => (n + 1) * 10)
    const writing = addAgent(store, { agent_id: 'busy', machine_id: 'm', ends })
    const removed = await addAgent(store, { agent_id: 'removed', machine_id: 'm', ends: [10] })
    await store.agents.remove(removed.key)
    const findings = await findingsIn(checked)
    assert.deepEqual(
      findings.filter(({ kind }) => !kind.endsWith('(note)')),
      [],
    )
    await writing
    await store.close()
  }
})

test('a check needs a store', async (t) => {
  await assert.rejects(findingsIn({ dir: join(tempDir(t), 'none') }), { code: 'store_missing' })
  const address = hubStore({ store: server.url(await server.create()) }, {})!
  await assert.rejects(findingsIn({ address }), { code: 'store_missing' })
})

/** Returns the paths, sizes, and times of all files. */
const treeOf = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(dir, name))
      return `${name} ${size} ${mtimeMs} ${ino}`
    })
