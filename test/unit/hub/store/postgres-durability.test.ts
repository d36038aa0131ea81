import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { hubStore } from '../../../../src/config/hub-store.ts'
import { connect } from '../../../../src/hub/store/postgres/connect.ts'
import { DurabilityWatch } from '../../../../src/hub/store/postgres/durability-watch.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { memoryLog } from '../../../support/memory-log.ts'
import { TestPostgres } from '../../../support/postgres.ts'
import { until } from '../../../support/wait.ts'

const server = await TestPostgres.start({ after })

test('the hub follows where the database has a change when it acknowledges it', async (t) => {
  const { logger, lines } = memoryLog()
  const clock = new ManualClock()
  const database = await connect(hubStore({ store: server.url('postgres') }, {})!, logger)
  t.after(() => database.close())
  const watch = new DurabilityWatch({ database, clock, logger })
  t.after(() => watch.close())
  await watch.start()
  assert.equal(watch.level, 'disk')
  const said = () => lines.map(({ msg }) => msg).join('\n')
  assert.match(said(), /a standby that takes over may lack the latest ones/)

  const set = async (setting: string, value: string, level: string) => {
    // A connection of the hub takes over new settings of the server before its next statement.
    await server.query('postgres', `alter system set ${setting} = '${value}'`)
    await server.query('postgres', 'select pg_reload_conf()')
    await until(
      () => {
        clock.pass(60_000)
        return watch.level === level
      },
      { what: level },
    )
  }
  await set('synchronous_standby_names', 'other', 'standby')
  assert.match(said(), /lacks nothing/)
  await set('synchronous_commit', 'local', 'disk')
  await set('synchronous_commit', 'off', 'memory')
  assert.match(said(), /synchronous_commit = off: it may lose activity/)
})
