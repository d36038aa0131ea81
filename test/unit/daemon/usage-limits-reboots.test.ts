import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limited, RESET_MS } from '../../support/limited-agents.ts'
import { until } from '../../support/wait.ts'

const MINUTE_MS = 60_000
const iso = (ms: number) => new Date(ms).toISOString()

test('a wait survives a reboot of the machine, unless a person then stops the agent', async (t) => {
  const it = await limited(t, ['a', 'b'])
  await it.goesDown()
  await it.restart(() => ['a', 'b'].every((id) => it.agent(id).hasEnded))
  await it.pass(MINUTE_MS)
  assert.equal(it.status('a').exit?.reason, 'rebooted')
  assert.deepEqual([it.status('a').limited?.waits, it.status('b').limited?.waits], [true, true])
  await it.command('agent:stop', 'b')
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  await until(() => it.prompts.length === 1, { what: 'the continuation' })
  assert.equal(it.prompts[0]?.id, 'a')
  assert.equal(it.status('b').state, 'exited')
})

/** Reboots the machine, and waits until the next daemon has noticed that the agent has ended. */
async function reboots(it: Awaited<ReturnType<typeof limited>>, id: string) {
  await it.goesDown()
  await it.restart(() => it.agent(id).hasEnded)
}

test('an agent that no longer waits after a reboot does not rest, so no prompt starts it', async (t) => {
  const it = await limited(t, ['a', 'b'])
  await it.start('c', { on_limit: 'wait' })
  it.meetsLimit('c', undefined)
  await it.goesDown()
  await it.restart(() => ['a', 'b', 'c'].every((id) => it.agent(id).hasEnded))
  await it.pass(MINUTE_MS)
  const resting = () => ['a', 'b', 'c'].map((id) => it.agent(id).run.resting)
  assert.deepEqual(resting(), [true, true, undefined])
  await it.command('agent:interrupt', 'a')
  await it.command('agent:configure', 'b', { on_limit: 'show' })
  await it.pass(15_000)
  assert.deepEqual(resting(), [undefined, undefined, undefined])
  await assert.rejects(it.command('agent:prompt', 'a', { content: 'go on' }), /a is not running/)
})

test('a turn continues even if the machine reboots twice before the turn begins', async (t) => {
  const it = await limited(t, ['a'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  assert.equal(it.prompts.length, 1)
  for (const run of [2, 3]) {
    await reboots(it, 'a')
    assert.equal(it.status('a').undelivered_prompts, 1)
    await it.pass(MINUTE_MS)
    await until(() => it.agent('a').isReady && it.agent('a').run.run === run, { what: `run ${run}` })
  }
  await it.pass(RESET_MS)
  it.begins('a')
  assert.deepEqual([it.prompts.length, it.status('a').limited], [1, undefined])
})

test('if the machine reboots before the model answers the first agent, this agent tries again after 10 minutes', async (t) => {
  const it = await limited(t, ['a'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  await it.fed('a')
  it.begins('a')
  await reboots(it, 'a')
  await it.pass(MINUTE_MS)
  const retryMs = it.clock.now() + 9 * MINUTE_MS
  assert.deepEqual(it.status('a').limited, { until: iso(retryMs), waits: true })
  await it.pass(10 * MINUTE_MS)
  await until(() => it.prompts.length === 2, { what: 'the next attempt' })
  assert.equal(it.agent('a').run.run, 2)
})

test('the first agent also tries again if the daemon learns only later that a reboot has ended it', async (t) => {
  const it = await limited(t, ['a'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  await it.fed('a')
  it.begins('a')
  for (const one of ['launcher', 'agent'] as const) process.kill(it.agent('a').process![one].pid, 'SIGKILL')
  await it.restart(() => it.agent('a').hasEnded)
  it.agent('a').markEndedBy('rebooted')
  await it.pass(11 * MINUTE_MS)
  await until(() => it.prompts.length === 2, { what: 'the next attempt' })
})

test('after a reboot, a turn is not repeated if the model has answered it, or if a person has interrupted it', async (t) => {
  const it = await limited(t, ['a', 'b'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  const [first] = it.prompts
  await it.fed(first!.id)
  it.begins(first!.id)
  it.answers(first!.id)
  await it.pass(2 * MINUTE_MS)
  const second = it.prompts[1]!.id
  await it.fed(second)
  it.begins(second)
  await it.command('agent:interrupt', second)
  await it.goesDown()
  await it.restart(() => ['a', 'b'].every((id) => it.agent(id).hasEnded))
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 2)
  assert.deepEqual([it.status('a').limited, it.status('b').limited], [undefined, undefined])
})

test('a prompt of a person that the agent did not begin before a reboot is delivered after the reset', async (t) => {
  const it = await limited(t, ['a'])
  await it.command('agent:prompt', 'a', { content: 'Do something else.' })
  await reboots(it, 'a')
  await it.pass(MINUTE_MS)
  assert.deepEqual([it.status('a').limited?.waits, it.agent('a').run.run], [true, 1])
  await it.pass(RESET_MS + MINUTE_MS)
  await until(() => it.agent('a').isReady && it.agent('a').run.run === 2, { what: 'the next run' })
  it.begins('a')
  assert.equal(it.prompts.length, 1)
})

test('if an agent that rests cannot be launched at the reset, the daemon tries again after 10 minutes', async (t) => {
  const it = await limited(t, ['a'])
  await it.rest('a')
  const { journal } = it.agent('a')
  const broken = t.mock.method(journal, 'create', () => {
    throw new Error('no space')
  })
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  await until(() => it.agent('a').run.resting === true && it.status('a').state === 'failed')
  await it.pass(5 * MINUTE_MS)
  assert.deepEqual([it.status('a').limited?.waits, it.agent('a').run.run], [true, 2])
  broken.mock.restore()
  await it.pass(6 * MINUTE_MS)
  await until(() => it.agent('a').isReady && it.agent('a').run.run === 3, { what: 'the next run' })
  assert.equal(it.prompts.length, 1)
})
