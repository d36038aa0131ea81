import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { connect } from '../../../../src/hub/store/postgres/connect.ts'
import type { Query } from '../../../../src/hub/store/postgres/connections.ts'
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
    await assert.rejects(database.begin(statements), StoreUnavailableError)
    assert.deepEqual([...(await database.run((sql) => sql`select 1 as one`))], [{ one: 1 }])
  })

test('after its connection has ended, a transaction stores nothing, and the next statement uses a new connection', async () => {
  await database.run((sql) => sql`create table n (n integer)`)
  const transaction = database.begin(async (sql) => {
    await sql`insert into n values (1)`
    await server.query(
      'postgres',
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
    )
    await sql`insert into n values (2)`.catch(() => {})
    await database.run((sql) => sql`insert into n values (3)`)
    await sql`insert into n values (4)`
  })
  await assert.rejects(transaction, StoreUnavailableError)
  assert.deepEqual([...(await database.run((sql) => sql`select n from n`))], [{ n: 3 }])
})

test('a transaction with a failed statement is not reported as committed', async () => {
  const transaction = database.begin(async (sql) => {
    await sql`insert into n values (5)`
    await sql`select 1 / 0`.catch(() => {})
  })
  await assert.rejects(transaction, { message: 'A statement of the transaction has failed.' })
})

test('a statement after the end of its transaction is refused', async () => {
  let later: Query | undefined
  await database.begin(async (sql) => {
    later = sql
  })
  await assert.rejects(later!`insert into n values (6)`, { message: 'The transaction has ended.' })
})
