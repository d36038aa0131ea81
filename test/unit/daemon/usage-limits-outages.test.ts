import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limited, RESET_MS } from '../../support/limited-agents.ts'
import { until } from '../../support/wait.ts'

const MINUTE_MS = 60_000
const iso = (ms: number) => new Date(ms).toISOString()

const OUTAGE = { is_error: true, api_error_status: 529 }

test('if the service fails after the reset, the same agent tries again after 10, 30, and 60 minutes, while the others wait', async (t) => {
  const it = await limited(t, ['a', 'b'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  const first = it.prompts[0]!.id
  for (const [attempt, minutes] of [10, 30, 60].entries()) {
    it.begins(first)
    it.ends(first, OUTAGE)
    const retryMs = it.clock.now() + minutes * MINUTE_MS
    await it.pass(15_000)
    for (const id of ['a', 'b']) assert.deepEqual(it.status(id).limited, { until: iso(retryMs), waits: true })
    await it.pass((minutes - 1) * MINUTE_MS)
    assert.equal(it.prompts.length, attempt + 1)
    await it.pass(2 * MINUTE_MS)
    assert.equal(it.prompts.length, attempt + 2)
    assert.equal(it.prompts.at(-1)!.id, first)
  }
  it.begins(first)
  it.ends(first, OUTAGE)
  await it.pass(2 * MINUTE_MS)
  assert.equal(it.status(first).limited, undefined)
  assert.equal(it.prompts.length, 5)
  assert.notEqual(it.prompts.at(-1)!.id, first)
  await it.pass(10 * RESET_MS)
  assert.equal(it.prompts.length, 5)
})

test('once the service answers after an outage, all agents of the account continue', async (t) => {
  const it = await limited(t, ['a', 'b', 'c'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  const first = it.prompts[0]!.id
  it.begins(first)
  it.ends(first, { is_error: true })
  await it.pass(11 * MINUTE_MS)
  assert.deepEqual(
    it.prompts.map(({ id }) => id),
    [first, first],
  )
  it.begins(first)
  it.answers(first)
  await it.pass(2 * MINUTE_MS)
  assert.equal(it.prompts.length, 4)
  assert.equal(new Set(it.prompts.map(({ id }) => id)).size, 3)
})

test('an interrupt ends the wait for the end of an outage, and so does a prompt of a person that also fails', async (t) => {
  const it = await limited(t, ['a'])
  await it.start('b', { on_limit: 'wait', env: { ANTHROPIC_AUTH_TOKEN: 'other' } })
  it.meetsLimit('b', RESET_MS)
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  for (const id of ['a', 'b']) {
    it.begins(id)
    it.ends(id, OUTAGE)
  }
  await it.command('agent:interrupt', 'a')
  await it.command('agent:prompt', 'b', { content: 'Do something else.' })
  it.begins('b')
  it.ends('b', OUTAGE)
  assert.deepEqual([it.status('a').limited, it.status('b').limited], [undefined, undefined])
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 3)
})

test('with `stop`, an agent that waits for the end of an outage is stopped, but not if a prompt of a person failed', async (t) => {
  const it = await limited(t, ['a'])
  await it.start('b', { on_limit: 'wait', env: { ANTHROPIC_AUTH_TOKEN: 'other' } })
  it.meetsLimit('b', RESET_MS)
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  for (const id of ['a', 'b']) {
    it.begins(id)
    it.ends(id, OUTAGE)
  }
  await it.command('agent:prompt', 'b', { content: 'Do something else.' })
  it.begins('b')
  it.ends('b', OUTAGE)
  for (const id of ['a', 'b']) await it.command('agent:configure', id, { on_limit: 'stop' })
  await it.pass(15_000)
  await until(() => it.status('a').exit?.detail !== undefined, { what: 'the stop' })
  assert.equal(it.status('a').exit?.detail, 'It reached the usage limit of its account.')
  assert.equal(it.status('b').state, 'idle')
})

test('a turn that a person interrupts is not repeated, even if an outage ends a later turn', async (t) => {
  const it = await limited(t, ['a'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  it.begins('a')
  await it.command('agent:interrupt', 'a')
  it.ends('a', { is_error: true, terminal_reason: 'aborted_streaming' })
  await it.command('agent:prompt', 'a', { content: 'Do something else.' })
  it.begins('a')
  it.ends('a', OUTAGE)
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 2)
})

for (const [what, other, prompted] of [
  ['different users do not wait for each other', 'second', 2],
  ['the same user wait for the first of them', 'first', 1],
] as const)
  test(`agents that run as ${what}`, async (t) => {
    const it = await limited(t, ['a', 'b'])
    for (const [id, agent_user] of [
      ['a', 'first'],
      ['b', other],
    ] as const)
      it.agent(id).run = { ...it.agent(id).run, agent_user }
    await it.pass(RESET_MS + 2 * MINUTE_MS)
    assert.equal(it.prompts.length, prompted)
  })
