import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { HUB_LIMITS } from '../../../../src/config/hub-limits.ts'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { openStore } from '../../../../src/hub/open-store.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { addAgent } from '../../../support/filled-store.ts'
import { TestPostgres } from '../../../support/postgres.ts'
import { tempDir } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const server = await TestPostgres.start({ after })

test('a long history is deleted in the background, also while the database is away, and by the next hub', async (t) => {
  const dir = join(tempDir(t), 'hub')
  const database = await server.create()
  const open = () =>
    openStore({
      dir,
      address: hubStore({ store: server.url(database) }, {}),
      faults: [],
      strict: true,
      audit: HUB_LIMITS.audit,
      clock: systemClock,
      logger,
    })
  const lines = async () =>
    Number((await server.query(database, 'select count(*) as lines from activity'))[0]!.lines)
  const store = await open()
  const records = []
  for (const agent_id of ['a', 'b'])
    records.push(await addAgent(store, { agent_id, machine_id: 'm', ends: [10] }))
  const [a, b] = records
  await addAgent(store, { agent_id: 'kept', machine_id: 'm', ends: [10] })
  for (const { key } of records)
    await server.query(
      database,
      `insert into activity select '${key}', n, '' from generate_series(10, 30000) n`,
    )
  // The database is away when the agent is removed.
  await server.query('postgres', `alter database ${database} allow_connections false`)
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`
  await server.query('postgres', end)
  await store.agents.remove(a!.key)
  await server.query('postgres', `alter database ${database} allow_connections true`)
  await until(async () => (await lines()) < 40_000, { what: 'the first deletion' })
  await store.agents.remove(b!.key)
  await store.close()
  assert.ok((await lines()) > 1, 'closing the store does not wait for the deletion')

  const next = await open()
  assert.deepEqual(
    (await next.agents.load()).map(({ agent_id }) => agent_id),
    ['kept'],
  )
  await until(async () => (await lines()) === 1, { what: 'the last deletion' })
  await until(async () => (await server.query(database, 'select from agent')).length === 1, {
    what: 'the deletion of the agents',
  })
  await next.close()
})
