import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event, HubAgent, HubMachine, Outcome } from '../../src/protocol/index.ts'
import { A, B, fault, start, withHistory } from '../support/agents-of-machines.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

test('a machine has at most its quota of agents, and other machines are not affected', async (t) => {
  const hub = await TestHub.open(t, { limits: { agents: 3 } })
  const greedy = await hub.daemon({
    machine_id: A,
    agents: ['a', 'b', 'c', 'd', 'e'].map((id) => statusOf(id)),
  })
  assert.deepEqual(Object.keys(greedy.offsets), ['a', 'b', 'c'])
  for (let n = 0; n < 50; n++) greedy.send(frameOf(`squat-${n}`, 0, 1))
  await greedy.settled()
  assert.deepEqual(
    greedy.ofType('protocol:error').map(({ code, limit }) => [code, limit]),
    [['unexpected', 'agents']],
    'the hub reports the exceeded quota once, and keeps the connection open',
  )
  greedy.send(frameOf('a', 0, 10))
  await greedy.acknowledged('a', 10)
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.equal(machines[0]?.agents, 3)
  const spec = { cwd: '/' }
  assert.deepEqual(await fault(hub, 'POST', '/api/agents', { machine_id: A, spec }), [429, 'machine_agents'])
  await start(hub, await hub.daemon({ machine_id: B }), B, 'fine')
})

test('a machine’s history stops growing at the machine’s quota, and continues when there is space again', async (t) => {
  const hub = await TestHub.open(t, { limits: { history_bytes: 40_000 } })
  const daemon = await hub.daemon({ machine_id: A, agents: [statusOf('talker'), statusOf('other')] })
  daemon.send(frameOf('talker', 0, 10_000))
  await daemon.acknowledged('talker', 10_000)
  let to = 1000
  await until(
    async () => {
      daemon.send(frameOf('other', to - 1000, to - 990))
      to += 10
      await daemon.settled()
      return daemon.ofType('protocol:error').some(({ limit }) => limit === 'history_bytes')
    },
    { what: 'the limit' },
  )
  assert.deepEqual(await fault(hub, 'POST', '/api/agents', { machine_id: A, spec: { cwd: '/' } }), [
    429,
    'machine_history_bytes',
  ])
  const neighbour = await hub.daemon({ machine_id: B, agents: [statusOf('quiet')] })
  neighbour.send(frameOf('quiet', 0, 10))
  await neighbour.acknowledged('quiet', 10)
  const removing = hub.api<Outcome>('POST', '/api/agents/talker/remove', { force: true })
  daemon.answer(await daemon.command('agent:remove'))
  await removing
  const { from } = await daemon.received('agent:resend')
  daemon.send(frameOf('other', Number(from), to - 1000))
  await daemon.acknowledged('other', to - 1000)
})

test('a machine that repeatedly announces different journals of an agent does not make the agent’s history longer', async (t) => {
  const { hub, owner } = await withHistory(t, 'talker')
  const wrong = {
    type: 'protocol:error',
    code: 'invalid',
    message: 'No.',
    of_type: 'server:welcome',
    path: 'offsets.talker',
  }
  for (let n = 0; n < 500; n++) owner.send(wrong)
  const taken = async () => {
    owner.send(frameOf('talker', 0, 200))
    await owner.settled()
    const events = await hub.events('talker')
    return events.some((event) => event.kind === 'text' && event.text === 'at 190') && events
  }
  const events = (await until(taken, { what: 'what comes behind' })) as Event[]
  assert.equal(events.filter(({ kind }) => kind === 'set_back').length, 1)
})

test('the hub holds only as much unwritten data of a machine as the machine’s quota permits', async (t) => {
  const hub = await TestHub.open(t, { limits: { in_flight_bytes: 100 } })
  const daemon = await hub.daemon({ machine_id: A, agents: [statusOf('fast')] })
  for (let n = 0; n < 20; n++) daemon.send(frameOf('fast', n * 100, n * 100 + 100))
  await until(
    async () => {
      const last = daemon.ofType('agent:resend').at(-1)
      if (last) daemon.send(frameOf('fast', Number(last.from), 2000))
      await daemon.settled()
      return (await hub.api<HubAgent>('GET', '/api/agents/fast')).offset === 2000
    },
    { what: 'all of it' },
  )
  assert.ok(daemon.ofType('protocol:error').every(({ limit }) => limit === 'in_flight_bytes'))
  assert.equal((await hub.events('fast')).length, 200)
})
