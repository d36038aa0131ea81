import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limited, limitedAgents, RESET_MS } from '../../support/limited-agents.ts'
import { until } from '../../support/wait.ts'

const MINUTE_MS = 60_000
const iso = (ms: number) => new Date(ms).toISOString()

test('after the reset, one of five agents tries first, and the others follow once the model has answered', async (t) => {
  const it = await limited(t, ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(it.status('a').limited, { until: iso(RESET_MS), waits: true })
  assert.equal(it.status('a').on_limit, 'wait')
  await it.pass(RESET_MS / 2)
  await it.restart()
  await it.pass(RESET_MS / 2)
  assert.equal(it.prompts.length, 0)
  await it.pass(4 * MINUTE_MS)
  assert.equal(it.prompts.length, 1)
  const [probe] = it.prompts
  assert.equal(probe?.text, 'Continue.')
  assert.ok(probe!.atMs >= RESET_MS + 30_000 && probe!.atMs <= RESET_MS + 90_000)
  it.begins(probe!.id)
  assert.equal(it.status(probe!.id).limited, undefined)
  await it.restart()
  await it.pass(MINUTE_MS)
  assert.equal(it.prompts.length, 1)
  it.answers(probe!.id)
  const answeredMs = it.clock.now()
  await it.pass(MINUTE_MS)
  const others = it.prompts.slice(1)
  assert.deepEqual([...new Set(it.prompts.map(({ id }) => id))].sort(), ['a', 'b', 'c', 'd', 'e'])
  assert.equal(others.length, 4)
  assert.ok(others.every(({ atMs }) => atMs <= answeredMs + MINUTE_MS))
  assert.ok(new Set(others.map(({ atMs }) => atMs)).size > 1)
  await it.restart()
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 5)
})

test('if the first agent meets the limit again, all agents wait for the new reset', async (t) => {
  const it = await limited(t, ['a', 'b', 'c'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  const first = it.prompts[0]!.id
  it.begins(first)
  it.meetsLimit(first, 3 * RESET_MS)
  await it.pass(MINUTE_MS)
  for (const id of ['a', 'b', 'c'])
    assert.deepEqual(it.status(id).limited, { until: iso(3 * RESET_MS), waits: true })
  await it.restart()
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 1)
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 2)
  assert.ok(it.prompts[1]!.atMs >= 3 * RESET_MS + 30_000)
})

test('if a reset has no effect, no other agent tries, and all agents wait for a person', async (t) => {
  const it = await limited(t, ['a', 'b'])
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  const first = it.prompts[0]!.id
  it.begins(first)
  it.meetsSameLimit(first)
  await it.pass(10 * RESET_MS)
  assert.equal(it.prompts.length, 1)
  assert.deepEqual([it.status('a').limited, it.status('b').limited], [{}, {}])
})

test('an agent whose limit has no known reset waits for a person', async (t) => {
  const it = limitedAgents(t)
  await it.start('a', { on_limit: 'wait' })
  it.meetsLimit('a', undefined)
  assert.deepEqual(it.status('a').limited, {})
  await it.pass(10 * RESET_MS)
  assert.equal(it.prompts.length, 0)
})

test('if on_limit is not set, the status only shows the limit, until a person prompts the agent', async (t) => {
  const it = await limited(t, ['a'], {})
  assert.deepEqual(it.status('a').limited, { until: iso(RESET_MS) })
  await it.pass(2 * RESET_MS)
  assert.equal(it.prompts.length, 0)
  assert.equal(it.status('a').state, 'idle')
  await it.command('agent:prompt', 'a', { content: 'go on' })
  it.begins('a')
  assert.equal(it.status('a').limited, undefined)
})

test('on_limit can be set to wait and back to show during the limit, and both values survive a restart', async (t) => {
  const it = await limited(t, ['a', 'b'], {})
  await it.command('agent:configure', 'a', { on_limit: 'wait' })
  await it.command('agent:configure', 'b', { on_limit: 'wait' })
  assert.equal(it.status('b').limited?.waits, true)
  await it.command('agent:configure', 'b', { on_limit: 'show' })
  assert.equal(it.status('b').limited?.waits, undefined)
  await it.restart()
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  assert.deepEqual(
    it.prompts.map(({ id }) => id),
    ['a'],
  )
})

test('a value of on_limit that this daemon does not know is refused', async (t) => {
  const it = await limited(t, ['a'], {})
  await assert.rejects(it.command('agent:configure', 'a', { on_limit: 'pay' }), {
    error: {
      code: 'invalid_command',
      message: 'This daemon does not know the on_limit "pay".',
      path: 'on_limit',
      remedy: 'Choose one of: wait, stop, show.',
    },
  })
})

for (const type of ['agent:interrupt', 'agent:stop'] as const)
  test(`${type} ends the wait for this reset, but not for the next one`, async (t) => {
    const it = await limited(t, ['a'])
    await it.command(type, 'a')
    await it.restart()
    assert.deepEqual(it.status('a').limited, { until: iso(RESET_MS) })
    if (type === 'agent:stop') await it.command('agent:resume', 'a')
    await it.pass(2 * RESET_MS)
    assert.equal(it.prompts.length, 0)
    it.meetsLimit('a', 3 * RESET_MS)
    assert.equal(it.status('a').limited?.waits, true)
    await it.pass(2 * RESET_MS)
    assert.equal(it.prompts.length, 1)
  })

test('with `stop`, the agent is stopped once, its status has the reason, and it can be started again', async (t) => {
  const it = await limited(t, ['a'], { on_limit: 'stop' })
  await it.pass(15_000)
  const detail = `It reached the usage limit of its account, which resets at ${iso(RESET_MS)}.`
  await until(() => it.status('a').exit?.detail !== undefined)
  assert.deepEqual(
    { reason: it.status('a').exit?.reason, detail: it.status('a').exit?.detail },
    { reason: 'stopped', detail },
  )
  await it.command('agent:resume', 'a')
  await it.restart()
  await it.pass(MINUTE_MS)
  assert.equal(it.status('a').state, 'idle')
})

test('when the limit resets, a resting agent is started again', async (t) => {
  const it = await limited(t, ['a'])
  await it.rest('a')
  assert.equal(it.status('a').limited?.waits, true)
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  await until(() => it.agent('a').isReady && it.agent('a').run.run === 2)
  assert.equal(it.status('a').undelivered_prompts, 1)
})

test('an agent whose process is lost continues to wait after its restart', async (t) => {
  const it = await limited(t, ['a'], { on_limit: 'wait', restart: { policy: 'on-loss' } })
  await until(() => it.agent('a').process !== undefined)
  for (const one of ['launcher', 'agent'] as const) process.kill(it.agent('a').process![one].pid, 'SIGKILL')
  await it.restart(() => it.agent('a').hasEnded)
  assert.equal(it.status('a').limited?.waits, true)
  await it.pass(MINUTE_MS)
  await until(() => it.agent('a').isReady && it.agent('a').run.run === 2)
  await it.pass(RESET_MS + MINUTE_MS)
  assert.equal(it.prompts.length, 1)
})

test('an agent with a separate login does not wait for other agents', async (t) => {
  const it = limitedAgents(t)
  await it.start('a', { on_limit: 'wait' })
  await it.start('b', { on_limit: 'wait', env: { ANTHROPIC_AUTH_TOKEN: 'other' } })
  for (const id of ['a', 'b']) it.meetsLimit(id, RESET_MS)
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  assert.deepEqual(it.prompts.map(({ id }) => id).sort(), ['a', 'b'])
})

for (const [what, failure] of [
  ['its request is refused', { api_error_status: 400 }],
  ['its login is refused', { api_error_status: '401' }],
  ['its budget is used up', { subtype: 'error_max_budget_usd' }],
] as const)
  test(`if an agent fails because ${what}, the next agent tries`, async (t) => {
    const it = await limited(t, ['a', 'b'])
    await it.pass(RESET_MS + 2 * MINUTE_MS)
    const first = it.prompts[0]!.id
    it.begins(first)
    it.ends(first, { is_error: true, ...failure })
    await it.pass(MINUTE_MS)
    assert.equal(it.prompts.length, 2)
    assert.notEqual(it.prompts[1]!.id, first)
  })

test('errors of an API key or an overloaded service do not count as a limit of the account', async (t) => {
  const it = limitedAgents(t)
  await it.start('a', { on_limit: 'wait' })
  for (const api_error_status of [429, 529]) {
    it.begins('a')
    it.ends('a', { is_error: true, api_error_status })
    assert.equal(it.status('a').limited, undefined)
  }
})

test('an agent whose first turn does not begin delays the other agents only for minutes', async (t) => {
  const it = await limited(t, ['a', 'b', 'c'])
  await it.pass(RESET_MS + 30 * MINUTE_MS)
  assert.deepEqual(it.prompts.map(({ id }) => id).sort(), ['a', 'b', 'c'])
  await it.pass(RESET_MS)
  assert.equal(it.prompts.length, 3)
})

test('a prompt of a person that arrives before the turn continues replaces the continuation', async (t) => {
  const it = await limited(t, ['a'])
  await it.pass(RESET_MS)
  await it.command('agent:prompt', 'a', { content: 'Do something else.' })
  await it.pass(10 * MINUTE_MS)
  assert.deepEqual(
    it.prompts.map(({ text }) => text),
    ['Do something else.'],
  )
})

test('a repeated order to wait has no effect after an interrupt has ended the wait', async (t) => {
  const it = await limited(t, ['a'], {})
  const order = { command_id: 'order', on_limit: 'wait' }
  await it.command('agent:configure', 'a', order)
  await it.command('agent:interrupt', 'a', {})
  await it.command('agent:configure', 'a', order)
  await it.pass(RESET_MS + 30 * MINUTE_MS)
  assert.deepEqual(it.prompts, [])
})

test('an agent that a person stops while it is started again does not continue its turn', async (t) => {
  const it = await limited(t, ['a'])
  await it.rest('a')
  it.clock.pass(RESET_MS + 2 * MINUTE_MS)
  await Promise.all([it.pass(15_000), it.command('agent:stop', 'a', { grace_s: 0 })])
  await until(() => it.agent('a').hasRunEnded)
  await it.command('agent:resume', 'a', {})
  await it.pass(10 * MINUTE_MS)
  assert.deepEqual(it.prompts, [])
})

test('a command of a person that does not need the model, such as /cost, does not end the wait', async (t) => {
  const it = await limited(t, ['a', 'b', 'c'])
  await it.command('agent:prompt', 'a', { content: '/cost' })
  it.begins('a')
  it.ends('a', { num_turns: 0 })
  assert.deepEqual(it.status('a').limited, { until: iso(RESET_MS), waits: true })
  await it.pass(RESET_MS + 2 * MINUTE_MS)
  assert.deepEqual(
    it.prompts.map(({ text }) => text),
    ['/cost', 'Continue.'],
  )
  const first = it.prompts[1]!.id
  it.begins(first)
  it.answers(first)
  await it.pass(2 * MINUTE_MS)
  const continued = it.prompts.slice(1).map(({ id }) => id)
  assert.deepEqual(continued.sort(), ['a', 'b', 'c'])
})
