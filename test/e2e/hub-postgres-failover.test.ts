import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Event } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TestPostgres } from '../support/postgres.ts'
import { until } from '../support/wait.ts'

/** Texts that the agent emits, and the delay between them, in milliseconds. */
const TEXTS = 400
const DELAY_MS = 20

const primary = await TestPostgres.start({ after }, { tcp: true })
const database = await primary.create()
const standby = await primary.startStandby({ after })

const numbers = (events: Event[]) =>
  events.flatMap((event) => (event.kind === 'text' ? [Number.parseInt(event.text, 10)] : []))

test('a hub continues with the standby that takes over, and nothing that it acknowledged is lost', async (t) => {
  const hosts = [standby, primary].map(({ port }) => `127.0.0.1:${port}`).join(',')
  const stage = await fakeStage(t, { FOMULAR_HUB_STORE: `postgres://hub@${hosts}/${database}` })
  // The first host of the list accepts no changes yet.
  const hub = await stage.hub()
  const health = (await (await fetch(`${stage.hubUrl}/health`)).json()) as { durability: string }
  assert.equal(health.durability, 'standby')
  await stage.daemon()
  const agent = await stage.start({ prompt: `emit ${TEXTS} 200 ${DELAY_MS}` })
  await until(async () => (await stage.events(agent)).length > 20, { what: 'events' })
  const acknowledged = numbers(await stage.events(agent))
  await primary.kill('SIGKILL')
  await standby.promote()
  // Until the hub has reached the new primary, it answers 503.
  await until(async () => numbers(await stage.events(agent).catch(() => [])).length >= TEXTS, {
    what: 'all texts',
  })
  await stage.eventually(agent, 'turn_result')
  // A hub that misses activity that it has stored ends.
  assert.doesNotMatch(hub.log(), /does not contain what this hub has stored/)
  const all = numbers(await stage.events(agent))
  assert.ok(acknowledged.length > 0)
  assert.deepEqual(
    all,
    Array.from({ length: TEXTS }, (_, n) => n),
  )
  assert.equal((await stage.command(agent, 'prompt', { content: 'again' })).state, 'succeeded')
})
