import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { fetchTransport } from '../../../../src/client/fetch-transport.ts'
import { HubClient } from '../../../../src/client/hub-client.ts'
import { Transcript } from '../../../../src/console/agent/transcript.ts'
import { TestHub } from '../../../support/hub.ts'
import { frameOf, statusOf } from '../../../support/light-daemon.ts'
import { until } from '../../../support/wait.ts'

const steps = (to: number) => Array.from({ length: to / 10 }, (_, n) => n * 10)

test('a transcript has each event once while its hub restarts, and sees the removal of the agent', async (t) => {
  const hub = await TestHub.open(t)
  const key = hub.key('user')
  // The hub has another port after its restart.
  const transport = {
    url: hub.url,
    send: (...all: Parameters<ReturnType<typeof fetchTransport>['send']>) =>
      fetchTransport(hub.url, { authorization: `Bearer ${key}` }).send(...all),
  }
  const client = new HubClient(transport, { newId: randomUUID })
  const daemon = await hub.daemon({ agents: [statusOf('a', { end: 9000 })] })
  for (let at = 0; at < 9000; at += 30) daemon.send(frameOf('a', at, at + 30))
  await daemon.acknowledged('a', 9000)
  const { machine_id } = await client.agent('a')

  const transcript = new Transcript(
    client,
    { machine_id, agent_id: 'a' },
    { frame: (run) => void setTimeout(run, 1) },
  )
  t.after(() => transcript.close())
  const offsets = () => transcript.events.map(({ offset }) => offset)
  const ends = (offset: number) =>
    until(() => offsets().at(-1) === offset, { what: `the event at ${offset}` })
  await ends(8990)
  assert.deepEqual(offsets(), steps(9000).slice(-100))
  daemon.send(frameOf('a', 9000, 9030))
  await ends(9020)
  await transcript.older()
  await transcript.older()
  assert.deepEqual(offsets(), steps(9030))
  assert.equal(transcript.atBeginning.value, true)

  await hub.restart()
  const again = await hub.daemon({ agents: [statusOf('a', { revision: 2, end: 9060 })] })
  again.send(frameOf('a', 9030, 9060))
  await ends(9050)
  await until(() => transcript.connection.value.state === 'live', { what: 'the connection' })
  assert.deepEqual(offsets(), steps(9060))
  assert.equal(transcript.agent.value?.end, 9060)

  again.send({ type: 'agent:removed', agent_id: 'a' })
  await until(() => transcript.agent.value?.gone, { what: 'the status' })
  await client.agentCommand('a', 'remove', {}, 5)
  await until(() => transcript.connection.value.state === 'removed', { what: 'the removal' })
  assert.deepEqual(offsets(), steps(9060))
})
