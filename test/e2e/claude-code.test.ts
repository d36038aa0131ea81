import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { decode } from '../../src/agents/runtimes/claude/decode.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import { initialize } from '../../src/agents/runtimes/claude/input.ts'
import type { EventBody, Input } from '../../src/agents/runtimes/conversation.ts'
import type { LaunchSession } from '../../src/agents/runtimes/program.ts'
import { AgentSpec } from '../../src/protocol/index.ts'
import { claudeEnvironment, claudeProgram } from '../support/claude.ts'
import { type MessagesApi, startMessagesApi } from '../support/messages-api.ts'
import { mock } from '../support/messages-script.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

// Prompt delivery relies on this behavior of Claude Code. The tests run Claude Code without the daemon.

interface Claude {
  pid: number
  events: EventBody[]
  stderr(): string
  send(input: Input): void
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  ended: Promise<number | null>
}

async function bench(t: TestContext) {
  const path = await claudeProgram()
  const api = await startMessagesApi()
  t.after(() => api.close())
  const dir = tempDir(t)
  const start = (session: LaunchSession, spec: object = {}): Claude => {
    const plan = claude.launch(AgentSpec.parse({ cwd: dir, ...spec }), { path, dir, session })
    for (const [name, text] of Object.entries(plan.files)) writeFileSync(join(dir, name), text)
    const [program, ...args] = plan.argv
    const env = { ...claudeEnvironment(api.url, dir), ...plan.env }
    const child = spawn(program!, args, { cwd: dir, env })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    t.after(async () => {
      child.kill('SIGKILL')
      await ended
    })
    const events: EventBody[] = []
    let stderr = ''
    createInterface({ input: child.stdout }).on('line', (line) => events.push(...decode(line)))
    child.stderr.on('data', (data) => {
      stderr += data
    })
    return {
      pid: child.pid!,
      events,
      stderr: () => stderr,
      send: ({ line }) => void child.stdin.write(`${line}\n`),
      kill: async (signal) => {
        child.kill(signal)
        await ended
      },
      ended,
    }
  }
  const isWritten = ({ id }: LaunchSession) => {
    const projects = join(dir, '.claude/projects')
    return (
      existsSync(projects) &&
      readdirSync(projects, { recursive: true, encoding: 'utf8' }).some((path) => path.includes(id))
    )
  }
  return { api, dir, start, isWritten }
}

const states = ({ events }: Claude, id: string) =>
  events.flatMap((event) => (event.kind === 'prompt_state' && event.prompt_id === id ? [event.state] : []))

const reached = (agent: Claude, id: string, state: string) =>
  until(() => states(agent, id).includes(state as never), { what: `prompt ${state}` })

const said = ({ events }: Claude) => events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))

/** Returns the number of model requests whose conversation contains this text. */
const asked = ({ requests }: MessagesApi, text: string) =>
  requests.filter(({ path, body }) => path === '/v1/messages' && JSON.stringify(body.messages).includes(text))
    .length

const newSession = (): LaunchSession => ({ id: randomUUID(), mode: 'new', resumeTurn: false })
const resumed = ({ id }: LaunchSession): LaunchSession => ({ id, mode: 'resume', resumeTurn: false })

test('a prompt is queued, started, and completed only once, even if it is sent several times', async (t) => {
  const { api, start } = await bench(t)
  const session = newSession()
  const id = randomUUID()
  const prompt = claude.prompt(id, mock([{ text: 'once' }]))
  const agent = start(session)
  // Sends the prompt before the agent reports that it is ready.
  agent.send(initialize('ready'))
  agent.send(prompt)
  agent.send(prompt)
  await reached(agent, id, 'completed')
  agent.send(prompt)
  agent.send(claude.setModel('after', ''))
  await until(() => agent.events.find((event) => event.kind === 'reply' && event.request_id === 'after'))
  assert.deepEqual(states(agent, id), ['queued', 'started', 'completed'])
  assert.deepEqual(said(agent), ['once'])
  await agent.kill('SIGKILL')

  const again = start(resumed(session))
  again.send(initialize('ready'))
  again.send(prompt)
  await reached(again, id, 'completed')
  again.send(claude.endSession('end'))
  await again.ended
  assert.deepEqual(said(again), [])
  assert.equal(asked(api, 'once'), 1)
})

test('a killed agent loses its queued prompt, and runs the prompt once when it is sent again', async (t) => {
  const { api, start, isWritten } = await bench(t)
  const session = newSession()
  const [first, second] = [randomUUID(), randomUUID()]
  const agent = start(session)
  agent.send(claude.prompt(first, mock([{ text: 'busy ', repeat: 600, every: 100 }])))
  // Claude Code writes a session to the disk 0.1 s late. An agent that is killed before that leaves no
  // session.
  await until(() => isWritten(session), { what: 'the session on disk' })
  agent.send(claude.prompt(second, mock([{ text: 'the second' }])))
  await reached(agent, second, 'queued')
  await agent.kill('SIGKILL')

  const again = start(resumed(session))
  again.send(initialize('ready'))
  again.send(claude.prompt(second, mock([{ text: 'the second' }])))
  await reached(again, second, 'completed')
  assert.deepEqual(states(again, second), ['queued', 'started', 'completed'])
  assert.deepEqual(said(again), ['the second'])
  assert.equal(asked(api, 'the second'), 1)
})

test('an answer to a request that was never made does no harm', async (t) => {
  const { start } = await bench(t)
  const agent = start(newSession())
  const request = { request_id: 'nothing', ask: 'tool', tool: 'Bash', input: {} } as const
  agent.send(claude.answerPermission('a', request, { allow: {} }))
  const id = randomUUID()
  agent.send(claude.prompt(id, mock([{ text: 'well' }])))
  await reached(agent, id, 'completed')
  assert.deepEqual(said(agent), ['well'])
})

test('if its session is ended during a turn, the process ends, too', async (t) => {
  const { start } = await bench(t)
  const agent = start(newSession())
  const [first, second] = [randomUUID(), randomUUID()]
  agent.send(claude.prompt(first, mock([{ delay: 60_000 }, { text: 'never' }])))
  await reached(agent, first, 'started')
  agent.send(claude.prompt(second, 'never, too'))
  await reached(agent, second, 'queued')
  agent.send(claude.endSession('end'))
  await agent.ended
  assert.deepEqual(states(agent, first).at(-1), 'cancelled')
  assert.deepEqual(states(agent, second).at(-1), 'cancelled')
})

test('a failed start reports its reason on stderr', async (t) => {
  const { start } = await bench(t)
  const missing = start(resumed(newSession()))
  const mode = start(newSession(), { permission_mode: 'no-such-mode' })
  assert.equal(await missing.ended, 1)
  assert.match(missing.stderr(), /No conversation found/)
  assert.ok(missing.events.some((event) => event.kind === 'turn_result' && event.is_error))
  assert.equal(await mode.ended, 1)
  assert.match(mode.stderr(), /permission-mode/)
})

test('even after /clear and in a fork, the record of open sessions names the current session of an agent', async (t) => {
  const { start, dir } = await bench(t)
  const session = newSession()
  const agent = start(session)
  const open = ({ pid }: Claude) => claude.openSessions({ HOME: dir }, [pid]).get(pid)?.sessionId
  const last = ({ events }: Claude) => events.findLast((event) => event.kind === 'session')?.session_id
  agent.send(initialize('ready'))
  for (const text of [mock([{ text: 'hello' }]), '/clear']) {
    const id = randomUUID()
    agent.send(claude.prompt(id, text))
    await reached(agent, id, 'completed')
    await until(() => open(agent) === last(agent), { what: 'the record of the agent’s session' })
    assert.equal(last(agent) === session.id, text !== '/clear')
  }
  const fork = start({ ...session, mode: 'fork' })
  const id = randomUUID()
  fork.send(claude.prompt(id, mock([{ text: 'forked' }])))
  await reached(fork, id, 'completed')
  assert.equal(open(fork), last(fork))
  assert.notEqual(open(fork), session.id)
})
