import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Event } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TestPostgres } from '../support/postgres.ts'
import type { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const server = await TestPostgres.start({ after })

/** Texts that the agent emits, and the delay between them, in milliseconds. */
const TEXTS = 600
const DELAY_MS = 20

const numbers = (events: Event[]) =>
  events.flatMap((event) => (event.kind === 'text' ? [Number.parseInt(event.text, 10)] : []))

/** Waits until the hub has further events of the agent. */
async function progress(stage: Stage, agent: string): Promise<void> {
  const before = (await stage.events(agent)).length
  await until(async () => (await stage.events(agent)).length > before + 10, { what: 'further events' })
}

test('nothing is lost or doubled when the hub and its database are killed while an agent runs', async (t) => {
  const stage = await fakeStage(t, { FOMULAR_HUB_STORE: server.url(await server.create()) })
  const first = await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: `emit ${TEXTS} 200 ${DELAY_MS}` })
  await progress(stage, agent)

  first.kill('SIGKILL')
  await first.ended
  await stage.hub()
  await progress(stage, agent)

  await server.kill('SIGKILL')
  const health = await until(
    async () => {
      const answer = await fetch(`${stage.hubUrl}/health`)
      return answer.status === 503 && ((await answer.json()) as { error: { message: string } })
    },
    { what: 'an unhealthy hub' },
  )
  assert.match(health.error.message, /database/)
  const refused = await stage.request('POST', `/api/agents/${agent}/prompt`, { content: 'later' })
  assert.equal(refused.status, 503)
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'store_unavailable')

  await server.start()
  // Until the hub has reached the database again, it answers 503.
  await until(async () => numbers(await stage.events(agent).catch(() => [])).length >= TEXTS, {
    what: 'all texts',
  })
  await stage.eventually(agent, 'turn_result')
  assert.deepEqual(
    numbers(await stage.events(agent)),
    Array.from({ length: TEXTS }, (_, n) => n),
  )
  assert.equal((await stage.command(agent, 'prompt', { content: 'again' })).state, 'succeeded')
})

test('a second hub is refused, and takes over from a hub that was stopped, which then writes nothing', async (t) => {
  const database = await server.create()
  const stage = await fakeStage(t, { FOMULAR_HUB_STORE: server.url(database) })
  const old = await stage.hub()
  const other = ['hub', '--port', '0', '--data-dir', tempDir(t)]
  const refused = stage.run(other)
  assert.notEqual(await refused.ended, 0)
  assert.match(refused.log(), /Another hub uses the database: process \d+ on /)

  await stage.daemon()
  const agent = await stage.start({ prompt: `emit ${TEXTS} 200 ${DELAY_MS}` })
  await progress(stage, agent)
  old.kill('SIGSTOP')
  // The lease of a silent hub ends after a while; this is what the other hub would wait for.
  await server.query(database, "update lease set seen_at = now() - interval '1 hour'")
  const next = stage.run(other)
  await until(() => next.log().includes('Machine key:'), { what: 'the next hub' })
  const rows = () =>
    server.query(database, 'select agent, "from", md5(line) from activity order by agent, "from"')
  const before = await rows()
  old.kill('SIGCONT')
  assert.notEqual(await old.ended, 0)
  assert.match(old.log(), /Another hub uses the database/)
  assert.deepEqual(await rows(), before)
})

test('a hub refuses a password on its command line, and a database of a newer version', async (t) => {
  const database = await server.create()
  const stage = await fakeStage(t)
  const hub = (...args: string[]) => stage.run(['hub', '--port', '0', ...args])
  const told = hub('--store', 'postgres://hub:secret@127.0.0.1/hub')
  assert.equal(await told.ended, 2)
  assert.match(told.log(), /--store-password-file/)
  assert.doesNotMatch(told.log(), /secret/)

  const made = hub('--store', server.url(database))
  await until(() => made.log().includes('Machine key:'), { what: 'the hub' })
  made.kill('SIGTERM')
  await made.ended
  await server.query(database, 'update format set version = 1000')
  const older = hub('--store', server.url(database))
  assert.notEqual(await older.ended, 0)
  assert.match(older.log(), /A newer version of the hub has upgraded the database/)
})

test('a hub waits for a database that is not up yet, and can be stopped meanwhile', async (t) => {
  const own = await TestPostgres.start(t)
  const database = await own.create()
  const stage = await fakeStage(t, { FOMULAR_HUB_STORE: own.url(database) })
  await own.kill('SIGKILL')
  const wait = async () => {
    const hub = stage.run(['hub', '--port', '0'])
    await until(() => hub.log().includes('Waiting for the database'), { what: 'a hub that waits' })
    return hub
  }
  const stopped = await wait()
  stopped.kill('SIGTERM')
  assert.equal(await stopped.ended, 0)

  const hub = await wait()
  await own.start()
  await until(() => hub.log().includes('Machine key:'), { what: 'the hub' })
})

for (const table of ['list', 'agent'])
  test(`a hub whose database fails at the table ${table} during the start tries again, and can be stopped meanwhile`, async (t) => {
    const database = await server.create()
    const stage = await fakeStage(t, { FOMULAR_HUB_STORE: server.url(database) })
    const first = await stage.hub()
    first.kill('SIGTERM')
    await first.ended
    await server.query(database, `alter role hub in database ${database} set lock_timeout = '20ms'`)
    const unlock = await server.lock(database, table)
    const wait = async () => {
      const hub = stage.run(['hub', '--port', '0'])
      await until(() => /Waiting for the database: .*lock timeout/.test(hub.log()), {
        what: 'a hub that waits',
      })
      return hub
    }
    const stopped = await wait()
    stopped.kill('SIGTERM')
    assert.equal(await stopped.ended, 0)

    const hub = await wait()
    await unlock()
    await until(() => hub.log().includes('Machine key:'), { what: 'the hub' })
  })

test('a hub does not wait for a database that refuses its user', async (t) => {
  const own = await TestPostgres.start(t)
  const stage = await fakeStage(t)
  const hub = stage.run([
    'hub',
    '--port',
    '0',
    '--store',
    own.url('postgres').replace('user=hub', 'user=other'),
  ])
  assert.notEqual(await hub.ended, 0)
  assert.match(hub.log(), /role "other" does not exist/)
  assert.match(hub.log(), /pg_hba\.conf/)
})
