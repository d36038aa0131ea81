import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Limits } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { type Caller, type Frame, LightServer } from '../support/light-server.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

// Reactions of a daemon to a server that breaks the protocol or has ended.

async function connected(t: TestContext) {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  const daemon = server.daemon(stage)
  const caller = await server.caller()
  await caller.welcome()
  return { stage, server, daemon, caller }
}

interface Status {
  link: { state: string; since: string; last_error?: string }
  server_hears_ms: number | null
}

/** Returns the output of `fomular-daemon status`, and its exit code. */
const status = (stage: Stage, ...args: string[]) =>
  new Promise<{ code: number; text: string }>((resolve) => {
    execFile(RUN[0], [...RUN.slice(1), 'status', ...args], { env: stage.env }, (error, text) =>
      resolve({ code: error ? Number(error.code) : 0, text }),
    )
  })
const link = async (stage: Stage): Promise<Status> => JSON.parse((await status(stage, '--json')).text)

const faults = (caller: Caller): [unknown, unknown][] =>
  caller.ofType('protocol:error').map(({ code, path }) => [code, path])

test('an invalid frame is answered with its error, and the link stays up', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  server.daemon(stage)
  const caller = await server.caller()
  await caller.received('machine:hello')
  const start = { type: 'agent:start', command_id: 'early', agent_id: 'a', spec: { cwd: stage.cwd } }
  caller.send(start)
  assert.equal((await caller.received('protocol:error')).of_type, 'agent:start')
  await caller.welcome()

  const wrong: [object | string | Buffer, unknown, unknown][] = [
    ['{"type":', 'not_json', undefined],
    [Buffer.from('{"type":"link:ping"}'), 'not_text', undefined],
    ['[1]', 'invalid', undefined],
    ['null', 'invalid', undefined],
    ['{}', 'invalid', 'type'],
    [{ type: 'agent:ack', offsets: { a: -1 } }, 'invalid', 'offsets.a'],
    [{ type: 'agent:resend', agent_id: '../../etc', from: 0 }, 'invalid', 'agent_id'],
    [{ type: 'agent:resend', agent_id: 'a', from: -1 }, 'invalid', 'from'],
    [{ ...start, command_id: 'no-cwd', spec: {} }, 'invalid', 'spec.cwd'],
    [{ ...start, command_id: 'relative', spec: { cwd: 'here' } }, 'invalid', 'spec.cwd'],
    ['['.repeat(100_000), 'invalid', undefined],
  ]
  for (const [frame] of wrong) caller.send(frame)
  await caller.settled()
  assert.deepEqual(faults(caller), [
    ['unexpected', undefined],
    ...wrong.map(([, code, path]) => [code, path]),
  ])
  // The error has the command's id, so that the server can inform the sender of the command.
  assert.equal(caller.ofType('protocol:error').find(({ path }) => path === 'spec.cwd')?.command_id, 'no-cwd')

  for (const frame of [
    { type: 'agent:ack', offsets: { nobody: 5, constructor: 7 } },
    { type: 'agent:resend', agent_id: 'nobody', from: 5 },
  ])
    caller.send(frame)
  await caller.settled()
  assert.deepEqual(faults(caller).slice(-3), [
    ['invalid', 'offsets.nobody'],
    ['invalid', 'offsets.constructor'],
    ['invalid', 'agent_id'],
  ])

  // Unknown and unexpected frames that are not faults get no answer.
  const before = caller.frames.length
  for (const frame of [
    { type: 'agent:dance', agent_id: 'a' },
    { type: 'server:welcome', protocol: { version: 1 }, offsets: { a: 5 } },
    { type: 'link:pong', nonce: 'never sent' },
    { type: 'protocol:error', code: 'invalid', message: 'yours was wrong' },
  ])
    caller.send(frame)
  await caller.settled()
  assert.deepEqual(
    caller.frames.slice(before).filter(({ type }) => type !== 'link:pong' && type !== 'machine:status'),
    [],
  )
  const outcome = await caller.command('agent:start', { agent_id: 'a', spec: { cwd: stage.cwd } })
  assert.equal(outcome.ok, true, JSON.stringify(outcome))
  assert.equal(server.callers.length, 1)
})

test('20 faults in a row, an oversized frame, or invalid UTF-8 ends the link, and the daemon reconnects', async (t) => {
  const { server, caller } = await connected(t)
  for (let i = 0; i < 20; i++) caller.send('nonsense')
  assert.equal((await caller.ended()).code, 4005)
  const second = await server.caller(2)
  await second.welcome()
  second.send(`{"type":"${'x'.repeat(33 * 1024 * 1024)}"}`)
  await second.ended()
  const third = await server.caller(3)
  await third.welcome()
  // Sends a text frame that is not UTF-8.
  ;(third.socket as unknown as { _socket: Socket })._socket.write(Buffer.from([0x81, 0x02, 0xc3, 0x28]))
  await third.ended()
  const fourth = await server.caller(4)
  await fourth.welcome()
  await fourth.settled()
})

test('wrong acknowledgments and resend requests lose no events, and cause no endless repetition', async (t) => {
  const { stage, caller } = await connected(t)
  await caller.command('agent:start', { agent_id: 'a', spec: { cwd: stage.cwd, prompt: 'one' } })
  const activity = () => caller.ofType('agent:activity') as (Frame & { from: number; to: number })[]
  const said = (text: string) =>
    until(() => activity().find(({ events }) => JSON.stringify(events).includes(`"text":"${text}"`)), {
      what: text,
    })
  const first = await said('one')
  // The first offset is beyond the end, and the second is below an earlier acknowledgment.
  caller.send({ type: 'agent:ack', offsets: { a: 2 ** 50 } })
  caller.send({ type: 'agent:ack', offsets: { a: 1 } })
  caller.send({ type: 'agent:resend', agent_id: 'a', from: 2 ** 50 })
  await caller.settled()
  await caller.command('agent:prompt', { agent_id: 'a', content: 'two' })
  const second = await said('two')
  assert.ok(second.from >= first.to)
  // A resend request from the middle of a line returns nothing. A request from the start returns the journal.
  const before = activity().length
  caller.send({ type: 'agent:resend', agent_id: 'a', from: second.to - 1 })
  await caller.settled()
  // The agent may write more lines in the meantime.
  assert.ok(
    activity()
      .slice(before)
      .every(({ from }) => from >= second.to),
  )
  assert.deepEqual(faults(caller), [
    ['invalid', 'offsets.a'],
    ['invalid', 'from'],
    ['invalid', 'from'],
  ])
  caller.send({ type: 'agent:resend', agent_id: 'a', from: 0 })
  await until(
    () =>
      activity()
        .slice(before)
        .some(({ from }) => from === 0),
    { what: 'frames again' },
  )
  await caller.settled()
  const states = caller.ofType('agent:status').map(({ state }) => state)
  assert.ok(!states.includes('exited') && !states.includes('failed'))
})

test('a refused key is reported only once, even after many attempts, and works as soon as the server accepts it', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t)
  const daemon = server.daemon(stage)
  for (let i = 1; i <= 4; i++) {
    const caller = await server.caller(i)
    await caller.received('machine:hello')
    caller.send({ type: 'server:refuse', code: 'unauthorized', message: 'No such key.', retry_after_s: 0.1 })
  }
  const accepted = await server.caller(5)
  await accepted.welcome()
  await accepted.settled()
  assert.equal(daemon.log().match(/refused by the server: No such key/g)?.length, 1, daemon.log())
  assert.doesNotMatch(daemon.log(), /the-key/)
})

test('a 401 answer to the upgrade means a refused key, in the status and in the exit code', async (t) => {
  const stage = await fakeStage(t)
  const server = await LightServer.open(t, () => false)
  const daemon = server.daemon(stage)
  await until(() => daemon.log().includes('The server refused the key (HTTP 401)'))
  const { code, text } = await status(stage)
  assert.equal(code, 1)
  assert.match(text, /Server +ws:\S+ not connected for .*refused the key/)
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)
})

test('`status` asks the server itself, and reports a connected server that does not answer', async (t) => {
  const { stage, caller } = await connected(t)
  await caller.settled()
  const deaf = await status(stage)
  assert.equal(deaf.code, 1)
  assert.match(deaf.text, /connected, but the server does not answer/)
  caller.socket.on('message', (data) => {
    const { type, nonce } = JSON.parse(String(data)) as Frame
    if (type === 'link:ping') caller.send({ type: 'link:pong', nonce })
  })
  const hears = await status(stage)
  assert.equal(hears.code, 0, hears.text)
  assert.match(hears.text, /answers in \d+ ms/)
})

test('changes between the greeting and a slow welcome are sent after the welcome', async (t) => {
  const { stage, server, caller } = await connected(t)
  await caller.command('agent:start', { agent_id: 'a', spec: { cwd: stage.cwd } })
  caller.socket.terminate()
  const next = await server.caller(2)
  const hello = await next.received('machine:hello')
  const [agent] = hello.agents as { state: string; pid: number }[]
  assert.equal(agent?.state, 'idle')
  process.kill(agent.pid, 'SIGKILL')
  await until(async () => {
    const { agents } = (await link(stage)) as unknown as { agents: { state: string }[] }
    return agents[0]?.state === 'exited'
  })
  await next.welcome()
  assert.equal((await next.received('agent:status')).state, 'exited')
})

test('a removed agent frees its part of the window, and late acknowledgments for this agent are accepted', async (t) => {
  const { stage, server, caller } = await connected(t)
  await caller.command('agent:start', { agent_id: 'a', spec: { cwd: stage.cwd, prompt: 'emit 400 20000' } })
  const sent = () => (caller.ofType('agent:activity') as (Frame & { to: number })[]).at(-1)?.to ?? 0
  await until(() => sent() >= Limits.window_bytes, { what: 'a full window' })
  await caller.command('agent:remove', { agent_id: 'a', force: true })
  caller.send({ type: 'agent:ack', offsets: { a: sent() } })
  caller.send({ type: 'agent:resend', agent_id: 'a', from: sent() })
  await caller.command('agent:start', { agent_id: 'b', spec: { cwd: stage.cwd, prompt: 'heard' } })
  const heard = () => JSON.stringify(caller.ofType('agent:activity')).includes('"text":"heard"')
  await until(heard, { what: 'another agent' })
  const agents = async () =>
    ((await link(stage)) as unknown as { agents: { agent_id: string; acked: number }[] }).agents
  // Another agent now has the id of the removed agent.
  const before = caller.frames.length
  await caller.command('agent:start', { agent_id: 'a', spec: { cwd: stage.cwd } })
  const begun = await until(() =>
    caller.frames.slice(before).find(({ type, agent_id }) => type === 'agent:activity' && agent_id === 'a'),
  )
  caller.send({ type: 'agent:ack', offsets: { a: begun?.to } })
  const acknowledged = async () =>
    (await agents()).some(({ agent_id, acked }) => agent_id === 'a' && acked === begun?.to)
  await until(acknowledged, { what: 'an acknowledged agent' })
  await caller.command('agent:remove', { agent_id: 'a', force: true })
  assert.deepEqual(faults(caller), [])

  // The daemon forgets the agent between a greeting that lists it and the welcome.
  await caller.command('agent:stop', { agent_id: 'b' })
  caller.socket.terminate()
  const next = await server.caller(2)
  assert.equal(((await next.received('machine:hello')).agents as unknown[]).length, 1)
  rmSync(join(stage.state, 'agents/b'), { recursive: true })
  await until(async () => (await agents()).length === 0, { what: 'the daemon to forget the agent' })
  await next.welcome({ b: 1 })
  await next.settled()
  assert.deepEqual(faults(next), [])
})
