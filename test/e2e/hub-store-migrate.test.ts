import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '../../src/hub/store/store.ts'
import { orUndefined } from '../../src/platform/or-undefined.ts'
import type { Event } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { addAgent, fill, openAsHub, readAll } from '../support/filled-store.ts'
import { frameOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { TestPostgres } from '../support/postgres.ts'
import { Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const server = await TestPostgres.start({ after })

const open = (dir: string, database?: string) =>
  openAsHub(dir, database === undefined ? undefined : server.url(database))

/** Adds agents with short histories, and one with a history of several MB. */
async function addMany(store: Store): Promise<void> {
  const text = 'x'.repeat(5000)
  const names = Array.from({ length: 300 }, (_, n) => `many-${n}`)
  await Promise.all(names.map((agent_id) => addAgent(store, { agent_id, machine_id: 'm', ends: [100, 300] })))
  const { key } = await addAgent(store, { agent_id: 'long', machine_id: 'm', ends: [] })
  for (let from = 0; from < 40_000; from += 10)
    await store.journals.take(
      key,
      'm',
      {
        type: 'agent:activity',
        agent_id: 'long',
        from,
        to: from + 10,
        events: [{ kind: 'text', offset: from, index: 0, text }],
      },
      0,
    )
}

/**
 * Runs the command, and kills it after it has begun to change the target, each time later, until it ends by itself.
 * @param begun returns a text that each run changes when it begins
 * @returns the number of kills
 */
async function migrateWithKills(
  stage: Stage,
  args: string[],
  begun: () => Promise<string> | string,
): Promise<number> {
  for (let kills = 0; ; kills++) {
    const before = await begun()
    const run = stage.run(['hub', 'store', 'migrate', ...args])
    let code: number | string | undefined
    void run.ended.then((ended) => {
      code = ended
    })
    await until(async () => code !== undefined || (await begun()) !== before, { what: 'the copy' })
    await sleep(25 * 1.4 ** kills)
    run.kill('SIGKILL')
    if ((await run.ended) === 0) return kills
    assert.equal(code, 'SIGKILL', run.log())
  }
}

async function copyOf(t: TestContext, dir: string) {
  const copy = join(tempDir(t), 'hub')
  cpSync(dir, copy, { recursive: true })
  const store = await open(copy)
  const all = await readAll(store)
  await store.close()
  return all
}

test('a copy that is killed again and again is complete in the end, in both directions', async (t) => {
  const stage = await Stage.open(t)
  const dir = join(stage.dir, 'files')
  const store = await open(dir)
  await fill(store)
  await addMany(store)
  await store.close()
  const before = await copyOf(t, dir)
  const database = await server.create()
  const url = server.url(database)
  const inTable = async () =>
    JSON.stringify(
      await server.query(database, "select content from list where name = 'migration'").catch(() => []),
    )
  assert.ok((await migrateWithKills(stage, ['--from', dir, '--to', url], inTable)) > 0)
  const inDatabase = await open(dir, database)
  assert.deepEqual(await readAll(inDatabase), before)
  await inDatabase.close()

  const back = join(stage.dir, 'back')
  const args = ['--from', url, '--to', back, '--keys', dir]
  const inFile = () => orUndefined(() => readFileSync(join(back, 'migration.json'), 'utf8')) ?? ''
  assert.ok((await migrateWithKills(stage, args, inFile)) > 0)
  assert.deepEqual(await copyOf(t, back), before)
})

const numbers = (events: Event[]) =>
  events.flatMap((event) => (event.kind === 'text' ? [Number.parseInt(event.text, 10)] : []))

test('an agent of a hub with files works on while its hub moves to a database, and back', async (t) => {
  const database = await server.create()
  const url = server.url(database)
  const stage = await fakeStage(t)
  const hubDir = join(stage.state, 'hub')
  const first = await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'emit 600 200 20' })
  const progress = async () => {
    const before = (await stage.events(agent)).length
    await until(async () => (await stage.events(agent)).length > before + 10, { what: 'further events' })
  }
  await progress()
  const migrate = async (from: string, to: string, ...rest: string[]) => {
    const run = stage.run(['hub', 'store', 'migrate', '--from', from, '--to', to, ...rest])
    return { code: await run.ended, log: run.log() }
  }
  const running = await migrate(hubDir, url)
  assert.deepEqual([running.code, /A hub is already running on this folder/.test(running.log)], [4, true])
  const earlier = await stage.events(agent)
  first.kill('SIGTERM')
  await first.ended
  const moved = await migrate(hubDir, url, '--json')
  assert.equal(moved.code, 0, moved.log)
  assert.equal(JSON.parse(moved.log.trim().split('\n').at(-1)!).step, 'finished')

  const refused = stage.run(['hub', '--port', String(stage.port)])
  assert.equal(await refused.ended, 4)
  assert.match(refused.log(), /The data of this hub was copied to postgres:/)
  stage.env.FOMULAR_HUB_STORE = url
  const second = await stage.hub()
  await progress()
  assert.deepEqual((await stage.events(agent)).slice(0, earlier.length), earlier)
  second.kill('SIGTERM')
  await second.ended

  const back = join(stage.dir, 'back')
  assert.equal((await migrate(url, back, '--keys', hubDir)).code, 0)
  delete stage.env.FOMULAR_HUB_STORE
  rmSync(hubDir, { recursive: true })
  cpSync(back, hubDir, { recursive: true })
  await stage.hub()
  await stage.eventually(agent, 'turn_result')
  assert.deepEqual(
    numbers(await stage.events(agent)),
    Array.from({ length: 600 }, (_, n) => n),
  )
})

test('a machine does not send again what the hub has acknowledged before it moved', async (t) => {
  const stage = await Stage.open(t)
  const hub = await stage.hub()
  const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
  const greet = (offset: number) =>
    LightDaemon.greet({
      url: stage.hubUrl,
      key,
      hello: { agents: [statusOf('a', { end: offset, acked: offset })] },
    })
  const daemon = await greet(0)
  daemon.send(frameOf('a', 0, 300))
  await daemon.acknowledged('a', 300)
  const earlier = await stage.events('a')
  hub.kill('SIGTERM')
  await hub.ended
  const database = await server.create()
  const url = server.url(database)
  const hubDir = join(stage.state, 'hub')
  mkdirSync(join(hubDir, 'releases'))
  writeFileSync(join(hubDir, 'releases/latest'), '1.0.0')
  const run = stage.run(['hub', 'store', 'migrate', '--from', hubDir, '--to', url])
  assert.equal(await run.ended, 0, run.log())
  assert.match(run.log(), /Copied 1 agents? with .* of history/)
  stage.env.FOMULAR_HUB_STORE = url
  await stage.hub()
  const again = await greet(300)
  assert.deepEqual(again.offsets, { a: 300 })
  again.send(frameOf('a', 300, 400))
  await again.acknowledged('a', 400)
  assert.deepEqual((await stage.events('a')).slice(0, earlier.length), earlier)
  assert.equal((await stage.events('a')).length, 40)

  const check = async (...args: string[]) => {
    const checked = stage.run(['hub', 'store', 'check', ...args])
    return { code: await checked.ended, log: checked.log() }
  }
  for (const { code, log } of [await check(), await check(hubDir)]) {
    assert.equal(code, 0, log)
    assert.match(log, /1 agents with .* of history, no problems\./)
  }
  await server.query(database, 'delete from activity where "from" > 0')
  const { code, log } = await check(url, '--json')
  assert.deepEqual([code, JSON.parse(log).problems], [1, 1])
  assert.equal((await check('postgres://hub:secret@127.0.0.1/hub')).code, 2)
})
