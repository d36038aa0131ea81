// Needs: python3
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Activity, AgentStatus, Command, Event } from '../../src/protocol/index.ts'
import { fakeAgent } from '../support/fake-agent.ts'
import { freePort, Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const SERVER = fileURLToPath(new URL('../support/minimal_server.py', import.meta.url))
const KEY = 'a-key-of-that-server'

type Said = { type: string; [field: string]: unknown }
type Order = Command extends infer C ? (C extends Command ? Omit<C, 'command_id'> : never) : never

/** The server that was written from the protocol's document. */
class PythonServer {
  readonly said: Said[] = []
  readonly child: ChildProcess
  readonly ended: Promise<void>

  constructor(port: number, folder: string) {
    this.child = spawn('python3', [SERVER, String(port), KEY, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.said.push(JSON.parse(line)))
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()))
  }

  order(command: Order | Said) {
    this.child.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  hears(type: string, holds: (message: Said) => boolean = () => true) {
    return until(() => this.said.find((message) => message.type === type && holds(message)), { what: type })
  }

  async agentIs(state: AgentStatus['state']) {
    await this.hears('agent:status', (message) => message.state === state)
  }

  async end() {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

test('a server in another language, written from the document, gets every event once, over its own death', async (t) => {
  const stage = await Stage.open(t, { FOMULAR_CLAUDE_PATH: fakeAgent(t) })
  const folder = join(stage.dir, 'server')
  mkdirSync(folder)
  writeFileSync(join(stage.dir, 'key'), KEY, { mode: 0o600 })
  const port = await freePort()
  let server = new PythonServer(port, folder)
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

  server = new PythonServer(port, folder)
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
  // A stop would interrupt it before it has said so.
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
