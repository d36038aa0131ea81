import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { connect } from '../../../../src/hub/store/postgres/connect.ts'
import type { Query } from '../../../../src/hub/store/postgres/database.ts'
import { StoreUnavailableError } from '../../../../src/hub/store/store-unavailable.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { TestPostgres } from '../../../support/postgres.ts'

const server = await TestPostgres.start({ after })
const name = await server.create()
const address = hubStore({ store: server.url(name) }, {})!
const database = await connect(address, createLogger({ level: 'silent', stderr: 'none' }))
after(() => database.close())

const LATER: Record<string, (sql: Query) => Promise<unknown>> = {
  'a statement that takes too long': async (sql) => {
    await sql`set local statement_timeout = 20`
    await sql`select pg_sleep(60)`
  },
  'a standby': async (sql) => {
    await sql`set transaction read only`
    await sql`create table t (n integer)`
  },
}

for (const [what, statements] of Object.entries(LATER))
  test(`${what} means that the database is unavailable for now, not that the disk is full`, async () => {
    await assert.rejects(
      database.run((sql) => sql.begin(statements)),
      StoreUnavailableError,
    )
    assert.deepEqual([...(await database.run((sql) => sql`select 1 as one`))], [{ one: 1 }])
  })
