import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HubAgent, HubMachine, Outcome } from '../../src/protocol/index.ts'
import { A, agentsOf, B, C, fault, start, withHistory } from '../support/agents-of-machines.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { SseReader } from '../support/sse-reader.ts'
import { until } from '../support/wait.ts'

test('an agent of an offline machine stays on that machine, with its history and waiting commands', async (t) => {
  const { hub, owner } = await withHistory(t, 'pay')
  const before = await hub.events('pay')
  await owner.close()

  const thief = await hub.daemon({ machine_id: B, agents: [statusOf('pay', { title: 'poison', end: 200 })] })
  thief.send({ type: 'agent:status', ...statusOf('pay', { revision: 999, title: 'poison' }) })
  thief.send(frameOf('pay', 0, 200))
  await thief.acknowledged('pay', 200)
  thief.send({ type: 'agent:removed', agent_id: 'pay' })
  await thief.settled()
  const { machine_id, title } = await hub.api<HubAgent>('GET', '/api/agents/pay')
  assert.deepEqual([machine_id, title], [A, undefined])
  assert.deepEqual(await hub.events('pay'), before)
  assert.equal(
    (await hub.request('POST', '/api/agents/pay/prompt?wait=0', { content: 'secret' })).status,
    202,
  )
  await thief.settled()
  assert.deepEqual(thief.ofType('agent:prompt'), [])

  const back = await hub.daemon({ machine_id: A, agents: [statusOf('pay', { end: 150 })] })
  assert.equal(back.offsets.pay, 100)
  await back.command('agent:prompt')
  back.send(frameOf('pay', 100, 150))
  await back.acknowledged('pay', 150)
})

test('two machines can have agents with the same id, and requests name the machine', async (t) => {
  const hub = await TestHub.open(t)
  const [a, b] = [await hub.daemon({ machine_id: A }), await hub.daemon({ machine_id: B })]
  await start(hub, a, A, 'twin')
  await start(hub, b, B, 'twin')
  a.send(frameOf('twin', 0, 10))
  b.send(frameOf('twin', 0, 20))
  await Promise.all([a.acknowledged('twin', 10), b.acknowledged('twin', 20)])
  assert.deepEqual((await agentsOf(hub)).map(({ machine_id, offset }) => [machine_id, offset]).sort(), [
    [A, 10],
    [B, 20],
  ])
  for (const path of ['', '/events', '/stream'])
    assert.deepEqual(await fault(hub, 'GET', `/api/agents/twin${path}`), [409, 'agent_ambiguous'], path)
  for (const command of ['stop', 'remove', 'move'])
    assert.deepEqual(
      await fault(hub, 'POST', `/api/agents/twin/${command}`, { machine_id: B }),
      [409, 'agent_ambiguous'],
      command,
    )
  assert.deepEqual(await fault(hub, 'GET', `/api/agents/twin?machine_id=${C}`), [404, 'agent_not_found'])
  assert.deepEqual(
    await fault(hub, 'POST', '/api/agents', { machine_id: B, agent_id: 'twin', spec: { cwd: '/' } }),
    [409, 'agent_exists'],
  )

  const ofB = `?machine_id=${B}`
  assert.equal((await hub.api<HubAgent>('GET', `/api/agents/twin${ofB}`)).offset, 20)
  const sse = await SseReader.open(`${hub.url}/api/agents/twin/stream${ofB}`, {
    authorization: `Bearer ${hub.key('user')}`,
  })
  t.after(() => sse.close())
  await until(() => sse.messages.filter(({ event }) => event === 'activity').length === 2, {
    what: 'B’s events',
  })
  const stopping = hub.api<Outcome>('POST', `/api/agents/twin/stop${ofB}`, {})
  b.answer(await b.command('agent:stop'))
  assert.equal((await stopping).machine_id, B)
  assert.deepEqual(a.ofType('agent:stop'), [])

  await hub.restart()
  assert.equal((await hub.api<HubAgent>('GET', `/api/agents/twin${ofB}`)).offset, 20)
  assert.equal((await hub.api<HubAgent>('GET', `/api/agents/twin?machine_id=${A}`)).offset, 10)
  await hub.api('DELETE', `/api/machines/${B}?force=true`)
  assert.equal(
    (await hub.api<HubAgent>('GET', '/api/agents/twin')).machine_id,
    A,
    'the only remaining machine with this agent',
  )
  assert.equal((await hub.events('twin')).length, 1)
})

test('agents that a machine only claims to have do not affect other machines', async (t) => {
  const hub = await TestHub.open(t)
  const squatter = await hub.daemon({ machine_id: B, agents: [statusOf('deploy')] })
  squatter.send(frameOf('nightly', 0, 1))
  await squatter.acknowledged('nightly', 1)
  const a = await hub.daemon({ machine_id: A })
  for (const id of ['deploy', 'nightly']) {
    await start(hub, a, A, id)
    assert.equal((await hub.api<HubAgent>('GET', `/api/agents/${id}`)).machine_id, A)
  }
  // A request refers to the agent that is being started, even before the machine reports that agent.
  const pending = hub.api<Outcome>('POST', '/api/agents?wait=0', {
    machine_id: A,
    agent_id: 'early',
    spec: { cwd: '/' },
  })
  await pending
  squatter.send({ type: 'agent:status', ...statusOf('early') })
  await squatter.settled()
  const prompt = await hub.api<Outcome>('POST', '/api/agents/early/prompt?wait=0', { content: 'x' })
  assert.equal(prompt.machine_id, A)
  const { machines } = await hub.api<{ machines: HubMachine[] }>('GET', '/api/machines')
  assert.equal(machines.find(({ machine_id }) => machine_id === B)?.agents, 3, 'they show')
  // The hub shows these agents as claims of the machine.
  for (const { machine_id, claimed } of await agentsOf(hub))
    assert.equal(claimed, machine_id === B || undefined)
})

test('claims about an agent that was removed or never started do not affect other machines', async (t) => {
  const hub = await TestHub.open(t)
  const [a, b] = [await hub.daemon({ machine_id: A }), await hub.daemon({ machine_id: B })]
  const order = (agent_id: string) =>
    hub.api<Outcome>('POST', '/api/agents', { machine_id: B, agent_id, spec: { cwd: '/' } })
  await start(hub, b, B, 'removed')
  const removing = hub.api<Outcome>('POST', '/api/agents/removed/remove', {})
  b.answer(await b.command('agent:remove'))
  await removing

  await start(hub, b, B, 'gone')
  b.send({ type: 'agent:removed', agent_id: 'gone' })
  await b.settled()
  assert.equal((await hub.request('POST', '/api/agents/gone/remove', {})).status, 200)

  const failing = order('failed')
  const { command_id } = await b.command('agent:start', 3)
  // The machine reports an agent whose start it then refuses.
  b.send({ type: 'agent:status', ...statusOf('failed') })
  const error = { code: 'no', message: 'no' }
  b.send({ type: 'agent:start:result', command_id, ok: false, error })
  assert.equal((await failing).state, 'failed')

  await start(hub, a, A, 'moved')
  for (const machine_id of [B, A])
    assert.equal((await hub.request('POST', '/api/agents/moved/move?force=true', { machine_id })).status, 200)
  const ids = ['removed', 'gone', 'failed', 'moved']
  const check = async () => {
    const owner = await hub.daemon({ machine_id: A, instance_id: 'again' })
    await hub.daemon({ machine_id: B, instance_id: 'again', agents: ids.map((id) => statusOf(id)) })
    return owner
  }
  const owner = await check()
  for (const id of ids) if (id !== 'moved') await start(hub, owner, A, id)
  for (let round = 0; round < 2; round++) {
    for (const id of ids)
      assert.equal((await hub.api<HubAgent>('GET', `/api/agents/${id}`)).machine_id, A, id)
    await hub.restart()
    await check()
  }
})

test('a hub that is killed right after the start of an agent still knows about the start', async (t) => {
  const hub = await TestHub.open(t)
  await start(hub, await hub.daemon({ machine_id: A }), A, 'pay')
  const record = JSON.parse(readFileSync(join(hub.dir, 'agents/pay/agent.json'), 'utf8'))
  assert.deepEqual([record.machine_id, record.ordered], [A, true])
})

test('an agent moves to another machine only if a client orders the move, and the agent keeps its history', async (t) => {
  const { hub, owner: a } = await withHistory(t, 'mover')
  const b = await hub.daemon({ machine_id: B, agents: [statusOf('mover', { begin: 50, end: 150 })] })
  assert.deepEqual(await fault(hub, 'POST', '/api/agents/mover/move', { machine_id: B }), [
    409,
    'machine_connected',
  ])
  await a.close()
  assert.deepEqual(await fault(hub, 'POST', '/api/agents/mover/move', { machine_id: 'x' }), [
    404,
    'machine_not_found',
  ])
  const moved = await hub.api<HubAgent>('POST', '/api/agents/mover/move', { machine_id: B })
  // The move is already on the disk, so it survives if the hub is killed now.
  assert.equal(JSON.parse(readFileSync(join(hub.dir, 'agents/mover/agent.json'), 'utf8')).machine_id, B)
  assert.deepEqual([moved.machine_id, moved.offset], [B, 100])
  // The hub ends the connection, so that the new machine learns the length of the history at the hub.
  assert.equal((await b.ended()).code, 1012)
  const again = await hub.daemon({ machine_id: B, agents: [statusOf('mover', { begin: 50, end: 150 })] })
  assert.equal(again.offsets.mover, 100)
  again.send(frameOf('mover', 100, 150))
  await again.acknowledged('mover', 150)
  assert.equal((await hub.events('mover')).length, 15)
  await hub.restart()
  assert.equal((await hub.api<HubAgent>('GET', '/api/agents/mover')).machine_id, B)
  // The old machine may reconnect with its copy of the agent, which then counts as a different agent.
  await hub.daemon({ machine_id: A, agents: [statusOf('mover')] })
  assert.equal((await hub.api<HubAgent>('GET', '/api/agents/mover')).machine_id, B)
})

test('if an older hub gave an agent to another machine, the first machine gets the agent back, and the other machine keeps a separate agent with the same id', async (t) => {
  const hub = await TestHub.open(t)
  const a = await hub.daemon({ machine_id: A })
  await start(hub, a, A, 'pay')
  await a.close()
  await hub.stop()
  // Put the hub's folder into the state in which an older hub left it.
  const path = join(hub.dir, 'agents/pay/agent.json')
  const { ordered: _, ...record } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...record, machine_id: B }))
  await hub.start()
  await hub.daemon({ machine_id: B, agents: [statusOf('pay')] })
  const back = await hub.daemon({ machine_id: A, agents: [statusOf('pay', { end: 100 })] })
  assert.equal(back.offsets.pay, 0)
  back.send(frameOf('pay', 0, 100))
  await back.acknowledged('pay', 100)
  // A command must name the machine, because two machines have an agent with this id.
  assert.deepEqual(await fault(hub, 'GET', '/api/agents/pay'), [409, 'agent_ambiguous'])
  assert.equal((await hub.api<HubAgent>('GET', `/api/agents/pay?machine_id=${A}`)).offset, 100)
})

test('a history of an older hub stays in its folder, and histories of other machines’ agents with the same id get separate folders', async (t) => {
  const hub = await TestHub.open(t)
  const a = await hub.daemon({ machine_id: A, agents: [statusOf('old')] })
  a.send(frameOf('old', 0, 30))
  await a.acknowledged('old', 30)
  await hub.stop()
  const path = join(hub.dir, 'agents/old/agent.json')
  const { ordered: _, ...before } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify(before))
  await hub.start()
  const b = await hub.daemon({ machine_id: B, agents: [statusOf('old')] })
  b.send(frameOf('old', 0, 10))
  await b.acknowledged('old', 10)
  const { machine_id, offset } = await hub.api<HubAgent>('GET', '/api/agents/old')
  assert.deepEqual([machine_id, offset], [A, 30])
  assert.deepEqual(readdirSync(join(hub.dir, 'agents')).sort(), ['old', `old@${B}`])
  // This machine has an id that cannot be the name of a folder.
  const odd = await hub.daemon({ machine_id: '../../x', agents: [statusOf('old')] })
  odd.send(frameOf('old', 0, 10))
  await odd.acknowledged('old', 10)
  assert.equal(readdirSync(join(hub.dir, 'agents')).length, 3)
  assert.ok(!existsSync(join(hub.dir, 'x')))
})
