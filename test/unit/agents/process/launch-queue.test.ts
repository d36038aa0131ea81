import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { AT_ONCE } from '../../../../src/agents/process/launch-queue.ts'
import { MemoryRoom } from '../../../../src/agents/process/memory-room.ts'
import { shellAgents } from '../../../support/shell-agents.ts'
import { until } from '../../../support/wait.ts'

test('a slow start is reported as slow; it succeeds when the agent is ready, or fails when its process ends', async (t) => {
  const it = shellAgents(t)
  it.slow()
  const [late, other] = [it.start('late'), it.start('other')]
  await until(() => it.hasRun('late') && it.hasRun('other'))
  assert.equal(late.status()?.slow, undefined)
  it.clock.pass(10_000)
  await until(() => late.status()?.slow !== undefined)
  assert.match(late.status()?.slow?.detail ?? '', new RegExp(`Process ${late.status()?.pid} is running`))
  it.clock.pass(3_600_000)
  assert.equal(late.status()?.state, 'starting')
  const pid = other.status()?.pid
  process.kill(pid!, 'SIGKILL')
  assert.match(await other.result, /ended before it was ready/)
  it.goOn()
  assert.equal(await late.result, 'started')
  assert.deepEqual([late.status()?.state, late.status()?.slow], ['idle', undefined])
})

test('only a limited number of starts run at once, and waiting starts can be stopped', async (t) => {
  const it = shellAgents(t)
  it.slow()
  const first = Array.from({ length: AT_ONCE }, (_, n) => it.start(`first-${n}`))
  await until(() => first.every((_, n) => it.hasRun(`first-${n}`)))
  const [next, unwanted] = [it.start('next'), it.start('unwanted')]
  await until(() => next.status()?.queued && unwanted.status()?.queued)
  const unwantedAgent = it.agents.get('unwanted')
  it.agents.check(it.agents.get('next'))
  await it.agents.stop(unwantedAgent, { commandId: 'stop' })
  assert.equal(await unwanted.result, 'unwanted was ended before it was ready.')
  const { state, exit, undelivered_prompts } = unwantedAgent.status()
  assert.deepEqual([state, exit, undelivered_prompts], ['exited', { reason: 'stopped' }, 1])
  assert.deepEqual([next.status()?.state, it.hasRun('next')], ['starting', false])

  it.goOn()
  for (const { result } of [...first, next]) assert.equal(await result, 'started')
  assert.equal(next.status()?.queued, undefined)
  await it.agents.resume(unwantedAgent, 'resume')
  await unwantedAgent.until(() => unwantedAgent.isReady)
  assert.deepEqual([unwanted.status()?.run, unwanted.status()?.state], [2, 'idle'])
})

test('starts that hang do not block other starts forever', async (t) => {
  const it = shellAgents(t)
  it.slow()
  for (let n = 0; n < AT_ONCE; n++) void it.start(`hangs-${n}`)
  await until(() => it.hasRun(`hangs-${AT_ONCE - 1}`))
  const next = it.start('next')
  await until(() => next.status()?.queued)
  it.clock.pass(10_000)
  await until(() => it.hasRun('next'))
  assert.equal(next.status()?.queued, undefined)
})

const GIB = 1024 ** 3

/**
 * A machine with 16 GiB of memory. The test sets its free memory and its memory pressure. Each agent takes 2
 * GiB.
 */
function machineWith(t: TestContext, { freeGib, pressure = 0 }: { freeGib: number; pressure?: number }) {
  const now = { freeGib, pressure }
  const room = new MemoryRoom({
    memory: () => ({ total_bytes: 16 * GIB, available_bytes: now.freeGib * GIB }),
    pressure: () => now.pressure,
    reserve: () => ({ bytes: GIB, chosen: true }),
    peakOf: () => 2 * GIB,
  })
  return { ...shellAgents(t, { room }), now }
}

test('a start waits while there is too little memory for one more agent, and the status gives this reason', async (t) => {
  const it = machineWith(t, { freeGib: 3 })
  assert.equal(await it.start('first').result, 'started')
  it.now.freeGib = 2.5
  const [second, third] = [it.start('second'), it.start('third')]
  await until(() => third.status()?.queued?.place === 2)
  assert.equal(second.status()?.state, 'starting')
  const { place, reason, remedy } = second.status()?.queued ?? {}
  assert.equal(place, 1)
  assert.match(reason ?? '', /needs about 2048 MiB of memory, but the machine can give it only 1536 MiB/)
  assert.match(remedy ?? '', /^Stop agents/)
  it.clock.pass(60_000)
  assert.equal(it.hasRun('second'), false)

  it.now.freeGib = 3
  it.clock.pass(2000)
  it.now.freeGib = 1
  assert.equal(await second.result, 'started')
  assert.equal(third.status()?.queued?.place, 1)
  await it.agents.stop(it.agents.get('third'), { commandId: 'stop' })
  assert.equal(await third.result, 'third was ended before it was ready.')
})

test('the expected memory use of a starting agent counts even before the agent uses the memory', async (t) => {
  const it = machineWith(t, { freeGib: 8 })
  it.slow()
  const starts = Array.from({ length: 5 }, (_, n) => it.start(`agent-${n}`))
  // 8 GiB minus the reserve are enough for three agents.
  await until(
    () => [0, 1, 2].every((n) => it.hasRun(`agent-${n}`)) && starts[4]?.status()?.queued?.place === 2,
  )
  assert.deepEqual(
    starts.map((_, n) => it.hasRun(`agent-${n}`)),
    [true, true, true, false, false],
  )
  // A slow start may still need the memory.
  it.clock.pass(60_000)
  await until(() => starts.slice(0, 3).every(({ status }) => status()?.slow !== undefined))
  it.clock.pass(2000)
  assert.equal(starts[3]?.status()?.queued?.place, 1)
})

test('under memory pressure, no agent is started while other agents are running', async (t) => {
  const it = machineWith(t, { freeGib: 12 })
  assert.equal(await it.start('first').result, 'started')
  it.now.pressure = 40
  const second = it.start('second')
  await until(() => second.status()?.queued)
  assert.match(second.status()?.queued?.reason ?? '', /programs wait for memory 40 % of the time/)
  it.now.pressure = 1
  it.clock.pass(2000)
  assert.equal(await second.result, 'started')
})

test('if no other agent is running, an agent starts even with too little memory, because waiting would not help', async (t) => {
  const it = machineWith(t, { freeGib: 0.1, pressure: 50 })
  assert.equal(await it.start('only').result, 'started')
})

test('the next daemon launches the agents that waited for memory', async (t) => {
  const it = machineWith(t, { freeGib: 3 })
  assert.equal(await it.start('first').result, 'started')
  it.now.freeGib = 1
  const second = it.start('second')
  await until(() => second.status()?.queued)
  it.agents.close()
  const next = it.again()
  await until(() => next.find('second')?.status().queued?.place === 1)
  it.now.freeGib = 8
  it.clock.pass(2000)
  await until(() => next.get('second').isReady)
})
