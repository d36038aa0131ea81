import assert from 'node:assert/strict'
import { pbkdf2 } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { isDeepStrictEqual, promisify } from 'node:util'
import type { Outcome } from '../../src/protocol/index.ts'
import { TestHub } from '../support/hub.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

const post = async (hub: TestHub, path: string, body: object = {}) => {
  const response = await hub.request('POST', path, body)
  return { status: response.status, outcome: (await response.json()) as Outcome }
}

test('a command reaches its machine, and its result reaches the caller', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const asked = post(hub, '/api/agents/a/prompt', { content: 'hello', command_id: 'c-1' })
  const command = await daemon.command('agent:prompt')
  assert.deepEqual(command, {
    type: 'agent:prompt',
    agent_id: 'a',
    command_id: 'c-1',
    content: 'hello',
    by: 'local',
  })
  daemon.answer(command, { prompt_id: 'p' })
  const expected = {
    status: 200,
    outcome: {
      command_id: 'c-1',
      agent_id: 'a',
      machine_id: 'machine-1',
      by: 'local',
      state: 'succeeded',
      result: { prompt_id: 'p' },
    },
  }
  assert.deepEqual(await asked, expected)
  // A repeated request gets the answer, and the command is not sent again.
  assert.deepEqual(await post(hub, '/api/agents/a/prompt', { content: 'hello', command_id: 'c-1' }), expected)
  await daemon.settled()
  assert.equal(daemon.ofType('agent:prompt').length, 1)
})

test('a failed command returns the reason, and a command that the daemon cannot read also fails', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const refused = post(hub, '/api/agents/a/stop')
  const stop = await daemon.command('agent:stop')
  daemon.answer(stop, { ok: false, error: { code: 'agent_not_running', message: 'No.' } })
  assert.equal((await refused).status, 422)
  assert.equal((await refused).outcome.error?.code, 'agent_not_running')
  const unread = post(hub, '/api/agents/a/interrupt')
  const { command_id } = await daemon.command('agent:interrupt')
  daemon.send({ type: 'protocol:error', code: 'invalid', message: 'what?', path: 'x', command_id })
  assert.deepEqual((await unread).outcome.error, { code: 'invalid_command', message: 'what?', path: 'x' })
})

test('commands for an offline machine wait on disk, in order, and are answered once', async (t) => {
  const hub = await TestHub.open(t)
  const hello = { agents: [statusOf('a')] }
  await (await hub.daemon(hello)).close()
  for (const n of [1, 2, 3]) {
    const { status, outcome } = await post(hub, '/api/agents/a/prompt?wait=0', {
      content: `${n}`,
      command_id: `c-${n}`,
    })
    assert.deepEqual([status, outcome.state], [202, 'pending'])
  }
  await hub.restart()
  const first = await hub.daemon(hello)
  const taken = [await first.command('agent:prompt'), await first.command('agent:prompt', 3)]
  assert.deepEqual(
    first.ofType('agent:prompt').map(({ command_id }) => command_id),
    ['c-1', 'c-2', 'c-3'],
  )
  first.answer(taken[0]!)
  await first.settled()
  await first.close()
  await hub.restart()
  const second = await hub.daemon(hello)
  await second.command('agent:prompt', 2)
  await second.settled()
  assert.deepEqual(
    second.ofType('agent:prompt').map(({ command_id }) => command_id),
    ['c-2', 'c-3'],
  )
  second.answer(taken[1]!)
  second.answer(taken[1]!, { ok: false, error: { code: 'internal', message: 'a second answer' } })
  await second.settled()
  assert.equal((await hub.api<Outcome>('GET', '/api/commands/c-1')).state, 'succeeded')
  assert.equal((await hub.api<Outcome>('GET', '/api/commands/c-3')).state, 'succeeded')
  assert.equal((await hub.request('GET', '/api/commands/c-2?wait=0')).status, 202)
})

test('an agent gets its id from the hub, and accepts commands before its machine knows it', async (t) => {
  const hub = await TestHub.open(t)
  assert.equal((await hub.request('POST', '/api/agents', { spec: { cwd: '/' } })).status, 409)
  const daemon = await hub.daemon()
  const body = { spec: { cwd: '/', prompt: 'hi' }, command_id: 'start' }
  const { outcome } = await post(hub, '/api/agents?wait=0', body)
  const command = await daemon.command('agent:start')
  assert.deepEqual(command, {
    type: 'agent:start',
    agent_id: outcome.agent_id,
    command_id: 'start',
    by: 'local',
    spec: { runtime: 'claude', cwd: '/', prompt: 'hi' },
  })
  assert.deepEqual((await post(hub, '/api/agents?wait=0', body)).outcome, outcome)
  const { status } = await post(hub, '/api/agents?wait=0', { spec: { cwd: '/' }, agent_id: outcome.agent_id })
  assert.equal(status, 409)
  assert.equal(
    (await post(hub, `/api/agents/${outcome.agent_id}/prompt?wait=0`, { content: 'x' })).status,
    202,
  )
  await daemon.command('agent:prompt')
})

test('the hub deletes a removed agent and its history', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  const removing = post(hub, '/api/agents/a/remove', { force: true })
  daemon.answer(await daemon.command('agent:remove'))
  daemon.send({ type: 'agent:removed', agent_id: 'a' })
  assert.equal((await removing).status, 200)
  assert.equal((await hub.request('GET', '/api/agents/a')).status, 404)
})

test('commands that the daemon does not support are not sent to it', async (t) => {
  const hub = await TestHub.open(t)
  await hub.daemon({ capabilities: ['agent:start'] })
  const { status, outcome } = await post(hub, '/api/machines/machine-1/update', {})
  assert.equal(status, 409)
  assert.equal((outcome as { error?: { code: string } }).error?.code, 'unsupported')
})

test('a machine is removed with its agents and waiting commands, but not while it is connected', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  assert.equal((await hub.request('DELETE', '/api/machines/machine-1')).status, 409)
  await daemon.close()
  const waiting = post(hub, '/api/agents/a/stop', { command_id: 'c' })
  // This request succeeds only after the hub has the command.
  await hub.request('GET', '/api/commands/c?wait=0')
  const { status } = await post(hub, '/api/machines/machine-1/check?wait=0')
  assert.equal(status, 202)
  assert.equal((await hub.request('DELETE', '/api/machines/machine-1')).status, 200)
  assert.equal((await waiting).status, 422)
  assert.deepEqual(await hub.api('GET', '/api/agents'), { agents: [] })
  assert.equal((await hub.request('DELETE', '/api/machines/machine-1')).status, 404)
})

test('the id of a removed agent can be used again', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon()
  for (const round of [1, 2]) {
    const starting = post(hub, '/api/agents', { agent_id: 'a', spec: { cwd: '/' } })
    daemon.answer(await daemon.command('agent:start', round))
    assert.equal((await starting).status, 200)
    assert.equal((await post(hub, '/api/agents', { agent_id: 'a', spec: { cwd: '/' } })).status, 409)
    const removing = post(hub, '/api/agents/a/remove')
    daemon.answer(await daemon.command('agent:remove', round))
    assert.equal((await removing).status, 200)
  }
})

test('a new agent with the id of an agent that was just removed starts with an empty history', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  daemon.send(frameOf('a', 0, 100))
  await daemon.acknowledged('a', 100)
  const removing = post(hub, '/api/agents/a/remove')
  const remove = await daemon.command('agent:remove')
  // Occupies all threads of the pool, so that none of them can delete files.
  const busy = Promise.all(
    Array.from({ length: 4 }, () => promisify(pbkdf2)('x', 'y', 500_000, 64, 'sha512')),
  )
  // Sends these messages in one packet, like a daemon that removes an agent and starts another.
  const network = (daemon.socket as unknown as { _socket: Socket })._socket
  network.cork()
  daemon.answer(remove)
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 2 }) })
  daemon.send(frameOf('a', 0, 30))
  network.uncork()
  await busy
  await removing
  await until(() => daemon.ofType('agent:ack').some(({ offsets }) => isDeepStrictEqual(offsets, { a: 30 })))
  assert.deepEqual(
    (await hub.events('a')).map(({ offset }) => offset),
    [0, 10, 20],
  )
})

test('a list of commands from a newer version is refused and left unchanged', async (t) => {
  const hub = await TestHub.open(t)
  await hub.stop()
  const text = '{"version":2,"order":{}}\n'
  writeFileSync(`${hub.dir}/commands.jsonl`, text)
  await assert.rejects(hub.start(), { name: 'UserError', code: 'state_newer' })
  assert.equal(readFileSync(`${hub.dir}/commands.jsonl`, 'utf8'), text)
})
