import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { connect } from '../../../../src/hub/store/postgres/connect.ts'
import type { Database } from '../../../../src/hub/store/postgres/database.ts'
import { Lease } from '../../../../src/hub/store/postgres/lease.ts'
import { upgradeSchema } from '../../../../src/hub/store/postgres/schema.ts'
import { createLogger } from '../../../../src/platform/log.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { TestPostgres } from '../../../support/postgres.ts'
import { until } from '../../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const server = await TestPostgres.start({ after })

async function hubOn(t: TestContext, name: string, holder: string) {
  const database = await connect(hubStore({ store: server.url(name) }, {})!, logger)
  t.after(() => database.close())
  await upgradeSchema(database)
  const clock = new ManualClock()
  return { database, clock, lease: new Lease({ database, holder, clock }) }
}

/** Begins a write, and resolves when it holds its lock. @returns a function that ends it */
async function beginWrite(database: Database, name: string): Promise<() => Promise<void>> {
  const [begun, mayEnd] = [latch(), latch()]
  const written = database.write(async (sql) => {
    await sql`insert into list (name, content) values (${name}, '')`
    begun.open()
    await mayEnd.opened
  })
  await Promise.race([begun.opened, written])
  return () => {
    mayEnd.open()
    return written
  }
}

function latch() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

test('a sign of life does not wait for writes', async (t) => {
  const name = await server.create()
  const { database, lease, clock } = await hubOn(t, name, 'a')
  await lease.take()
  await server.query(name, "update lease set seen_at = now() - interval '10 seconds'")
  const end = await beginWrite(database, 'first')
  clock.pass(5000)
  await until(
    async () => {
      const [row] = await server.query(
        name,
        "select seen_at > now() - interval '5 seconds' as seen from lease",
      )
      return row?.seen === true
    },
    { what: 'a sign of life' },
  )
  await end()
})

test('a hub that takes over waits for the last write, after which the other hub writes nothing', async (t) => {
  const name = await server.create()
  const [one, two] = [await hubOn(t, name, 'a'), await hubOn(t, name, 'b')]
  await one.lease.take()
  await server.query(name, "update lease set seen_at = now() - interval '1 hour'")
  const end = await beginWrite(one.database, 'last')
  let isTaken = false
  const taking = two.lease.take().then(() => {
    isTaken = true
  })
  await until(
    async () =>
      (await server.query(name, "select 1 from pg_stat_activity where wait_event_type = 'Lock'")).length > 0,
    { what: 'a hub that waits for the lease' },
  )
  assert.equal(isTaken, false)
  await end()
  await taking
  await assert.rejects(
    one.database.write((sql) => sql`insert into list (name, content) values ('later', '')`),
    /Another hub has taken over/,
  )
  assert.deepEqual(await server.query(name, 'select name from list'), [{ name: 'last' }])
})
