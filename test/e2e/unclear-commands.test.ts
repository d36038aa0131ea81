import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Limits } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { type Frame, LightServer } from '../support/light-server.ts'

// Answers of a daemon to commands whose meaning is unclear.

const errorOf = (result: Frame) =>
  result.error as { code: string; path?: string; message: string; remedy?: string }

test('the daemon answers every unclear command: too early, unknown, empty, too deeply nested, too long, or sent to an ended agent', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  server.daemon(stage)
  const caller = await server.caller()
  await caller.received('machine:hello')
  for (const type of ['machine:check', 'agent:command-of-tomorrow']) caller.send({ type, command_id: type })
  await caller.received('protocol:error', 2)
  assert.deepEqual(
    caller.ofType('protocol:error').map(({ code, command_id }) => [code, command_id]),
    [
      ['unexpected', 'machine:check'],
      ['unexpected', 'agent:command-of-tomorrow'],
    ],
  )
  await caller.welcome()
  // A command that was refused as too early can be repeated with the same id.
  caller.send({ type: 'machine:check', command_id: 'machine:check' })
  assert.equal((await caller.received('machine:check:result')).ok, true)

  const unknown = await caller.command('agent:command-of-tomorrow', { agent_id: 'a' })
  assert.equal(unknown.type, 'agent:command-of-tomorrow:result')
  assert.equal(errorOf(unknown).code, 'unsupported')
  const faults = caller.ofType('protocol:error').length
  for (const command_id of [undefined, 7, '', 'with blanks', 'x'.repeat(129)])
    caller.send({ type: 'agent:message-of-tomorrow', command_id })
  await caller.settled()
  assert.equal(caller.ofType('protocol:error').length, faults)
  assert.equal(caller.ofType('agent:message-of-tomorrow:result').length, 0)

  const start = { type: 'agent:start', command_id: 'start', agent_id: 'a', spec: { cwd: stage.cwd } }
  for (let n = 0; n < 20; n++) caller.send(start)
  const started = await caller.received('agent:start:result')
  assert.equal(started.ok, true)
  await caller.settled()
  assert.equal(caller.ofType('agent:start:result').length, 1, 'all repeated commands get a single answer')
  caller.send(start)
  assert.deepEqual(await caller.received('agent:start:result', 2), started)

  const nothing = errorOf(await caller.command('agent:configure', { agent_id: 'a' }))
  assert.equal(nothing.code, 'invalid_command')
  const blocks = [{ type: 'text', text: 'x' }, { type: 'video' }]
  const content = await caller.command('agent:prompt', { agent_id: 'a', content: blocks })
  assert.equal(content.type, 'protocol:error')
  assert.equal(content.path, 'content.1.type')

  const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)
  const withServer = (value: unknown) => ({ spec: { cwd: '/nowhere', mcp_servers: { x: value } } })
  const within = await caller.command('agent:start', {
    agent_id: 'b',
    ...withServer(deep(Limits.nesting - 3)),
  })
  assert.equal(errorOf(within).code, 'cwd_missing')
  const beyond = await caller.command('agent:start', { agent_id: 'b', ...withServer(deep(Limits.nesting)) })
  assert.equal(beyond.type, 'protocol:error')
  assert.match(String(beyond.message), /nested more than 1000 levels/)

  const tools = Array.from({ length: 20_000 }, (_, n) => `Bash(npm run script-${n} -- --with-a-flag)`)
  const long = { agent_id: 'long', spec: { cwd: stage.cwd, allowed_tools: tools } }
  const tooLong = errorOf(await caller.command('agent:start', long))
  assert.equal(tooLong.code, 'start_failed')
  assert.match(tooLong.remedy ?? '', /Shorten/)

  // After a failed start, the agent's id can be used again.
  for (const agent_id of ['b', 'long'])
    assert.equal(
      (await caller.command('agent:start', { agent_id, spec: { cwd: stage.cwd } })).ok,
      true,
      agent_id,
    )

  const first = await caller.command('agent:stop', { agent_id: 'a' })
  const second = await caller.command('agent:stop', { agent_id: 'a' })
  assert.deepEqual([second.ok, second.code], [true, first.code])
  const prompt = await caller.command('agent:prompt', { agent_id: 'a', content: 'x' })
  assert.equal(errorOf(prompt).code, 'agent_not_running')
})

test('a burst of pings and a second welcome do not end the link, and the daemon answers each of 20 faults in a row', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  server.daemon(stage)
  const caller = await server.caller()
  await caller.welcome()
  for (let n = 0; n < 500; n++) caller.socket.ping()
  for (let n = 0; n < 500; n++) caller.send({ type: 'link:ping', nonce: n })
  caller.send({ type: 'server:welcome', protocol: { version: 1 }, offsets: { nobody: 7 } })
  for (let n = 0; n < 19; n++) caller.send('no JSON')
  // A valid frame resets the count of faults.
  await caller.settled()
  assert.equal(caller.closed, undefined)
  for (let n = 0; n < 20; n++) caller.send('no JSON')
  assert.equal((await caller.ended()).code, 4005)
  assert.equal(caller.ofType('protocol:error').length, 39)
  assert.equal(caller.ofType('link:pong').length, 501)
})
