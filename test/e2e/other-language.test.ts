// Needs: python3
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Activity, AgentStatus, Event } from '../../src/protocol/index.ts'
import { fakeAgent } from '../support/fake-agent.ts'
import { PythonServer } from '../support/python-server.ts'
import { freePort, Stage } from '../support/stage.ts'

const KEY = 'a-key-of-that-server'

test('a server in another language, written from the protocol page, gets every event once, even after its own crash', async (t) => {
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
  const folder = join(stage.dir, 'server')
  mkdirSync(folder)
  writeFileSync(join(stage.dir, 'key'), KEY, { mode: 0o600 })
  const port = await freePort()
  let server = new PythonServer(port, KEY, folder)
  t.after(() => server.end())
  const daemon = stage.run([
    'run',
    '--server-url',
    `ws://127.0.0.1:${port}`,
    '--key-file',
    join(stage.dir, 'key'),
  ])
  const agent_id = 'worker'

  await server.hears('machine:hello')
  server.order({ type: 'agent:start', agent_id: 'nowhere', spec: { cwd: '/does/not/exist' } })
  const refused = await server.hears('agent:start:result')
  assert.equal((refused.error as { code: string }).code, 'cwd_missing')

  server.order({ type: 'agent:start', agent_id, spec: { cwd: stage.cwd, prompt: 'emit 3000 400' } })
  await server.hears('agent:start:result', ({ ok }) => ok === true)
  await server.hears('agent:activity')
  await server.end()

  server = new PythonServer(port, KEY, folder)
  const hello = await server.hears('machine:hello')
  assert.equal((hello.agents as AgentStatus[])[0]?.agent_id, agent_id)
  server.order({ type: 'agent:prompt', agent_id, content: 'ask' })
  await server.agentIs('waiting')
  const request = server.said
    .flatMap((message) => (message.type === 'agent:activity' ? (message as unknown as Activity).events : []))
    .find((event): event is Event & { kind: 'permission_request' } => event.kind === 'permission_request')
  assert.ok(request)
  server.order({ type: 'agent:permission', agent_id, request_id: request.request_id, decision: 'allow' })
  await server.hears('agent:permission:result', ({ ok }) => ok === true)
  // An earlier stop would interrupt the agent before it has written this text.
  await server.hears('agent:activity', (message) =>
    (message as unknown as Activity).events.some(
      (event) => event.kind === 'text' && String(event.text).startsWith('allowed'),
    ),
  )
  server.order({ type: 'agent:stop', agent_id })
  await server.hears('agent:stop:result', ({ ok }) => ok === true)
  await server.agentIs('exited')
  daemon.kill('SIGTERM')
  assert.equal(await daemon.ended, 0)

  assert.deepEqual(readdirSync(folder), ['worker.jsonl'])
  const frames = readFileSync(join(folder, 'worker.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Activity)
  for (const [i, frame] of frames.entries()) assert.equal(frame.from, frames[i - 1]?.to ?? 0)
  const events = frames.flatMap(({ events }) => events)
  const texts = events
    .filter((event): event is Event & { kind: 'text' } => event.kind === 'text')
    .map(({ text }) => text)
  assert.deepEqual(
    texts.map((text) => text.split(' ')[0]),
    [...Array.from({ length: 3000 }, (_, i) => String(i)), 'allowed'],
  )
  assert.equal(events.at(-1)?.kind, 'process_exited')
})
