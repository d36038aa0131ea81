import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Agent } from '../../src/agents/agent.ts'
import { head } from '../../src/hub/registry/short-status.ts'
import { identify } from '../../src/platform/process-identity.ts'
import { agentsIn, leftAgent } from '../support/agents.ts'
import { tempDir } from '../support/temp.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const MB = 1e6
/** Does not use `repeat`, because V8 would allocate the memory of such a text only at its first use. */
const long = (character: string, length: number) => Buffer.alloc(length, character).toString('latin1')
const LONG = long('x', 4 * MB)
/** A longer text for values of which the daemon keeps only the latest. */
const LONGEST = long('x', 3 * LONG.length)
const LINES = 8
/** Maximum memory that may still be in use after 32 MB of output, or after three long texts in one line. */
const MOST_KEPT = 2 * LONG.length

function held(): number {
  gc()
  return process.memoryUsage().heapUsed
}

/** The files of an agent, a function that starts a daemon, and a function that adds to the agent's output. */
function listening(t: TestContext, inputs: string[] = []) {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  started()
  const child = spawn('sleep', ['1000'])
  t.after(() => child.kill('SIGKILL'))
  const process = identify(child.pid!)
  const record = { version: 1, run: 1, launcher: process, agent: process, feeder: process }
  writeFileSync(at('process.json'), JSON.stringify(record))
  writeFileSync(at('inputs.jsonl'), inputs.map((id) => `\n${id}`).join(''))
  const daemon = () => {
    const agents = agentsIn(dir)
    t.after(() => agents.close())
    agents.adopt()
    return { agents, agent: agents.get('a') }
  }
  const say = (line: object) => appendFileSync(at('activity.jsonl'), `${JSON.stringify(line)}\n`)
  return { at, daemon, say }
}

function readAll(agent: Agent) {
  while (agent.catchUp());
}

const system = (subtype: string, more: object) => ({ type: 'system', subtype, ...more })
const replied = (n: number, more: object) => ({
  type: 'control_response',
  response: { subtype: 'error', request_id: `r-${n}`, ...more },
})
const spaces = long(' ', LONG.length)
const ids = Array.from({ length: LINES }, (_, n) => `r-${n}`)
const started = { type: 'system', subtype: 'session_state_changed', state: 'running' }

const SAYINGS: Record<string, (n: number) => object> = {
  'errors of replies': (n) => replied(n, { error: LONG }),
  'unexpected replies': (n) => replied(1000 + n, { error: LONG }),
  'sub-agents': (n) => system('task_started', { task_id: `t-${n}`, description: LONG }),
  'background tasks': () =>
    system('background_tasks_changed', {
      tasks: [1, 2, 3].map(() => ({ task_id: 't', task_type: LONG, description: 'd' })),
    }),
  'failing hooks': (n) =>
    system('hook_response', { hook_name: `h-${n}`, outcome: 'error', exit_code: 1, output: LONG }),
  'hooks whose output is mostly spaces': (n) =>
    system('hook_response', { hook_name: `h-${n}`, outcome: 'error', output: `${spaces}a few words ${n}` }),
  servers: () =>
    system('init', {
      session_id: 's',
      model: 'm',
      mcp_servers: [1, 2, 3].map((n) => ({ name: LONG + n, status: 'failed' })),
    }),
  'retries of a model': () => system('api_retry', { attempt: 9, error: LONGEST }),
  'failed turns': () => ({ type: 'result', subtype: 'error', is_error: true, errors: [LONGEST] }),
  'refused prompts': () =>
    system('informational', {
      prevent_continuation: true,
      content: `Operation stopped by hook: a reason of some words\n\nOriginal prompt: ${LONGEST}`,
    }),
  'descriptions of requests': (n) => ({
    type: 'control_request',
    request_id: `q-${n}`,
    request: { subtype: 'can_use_tool', tool_name: 'Bash', input: {}, description: LONG },
  }),
}

for (const [name, saying] of Object.entries(SAYINGS))
  test(`long texts in ${name} use little memory and disk space afterwards`, (t) => {
    const { at, daemon, say } = listening(t, ids)
    const { agent } = daemon()
    say(started)
    readAll(agent)
    const before = held()
    for (let n = 0; n < LINES; n++) {
      say(saying(n))
      readAll(agent)
    }
    // V8 keeps the last text that was matched against a regular expression, so match a short text.
    say({ type: 'keep_alive' })
    readAll(agent)
    const kept = held() - before
    assert.ok(kept < MOST_KEPT, `${kept / MB} MB`)
    assert.equal(agent.hasEnded, false)
    agent.save()
    assert.ok(statSync(at('cursor.json')).size < MB)
  })

test('a reply counts only if the daemon asked for it, and only the first reply counts', (t) => {
  const { daemon, say } = listening(t, ['r-1'])
  const { agent } = daemon()
  for (let n = 0; n < 40; n++) say(replied(n, { error: `error ${n}`, error_code: 'code' }))
  for (let n = 0; n < 40; n++) say(replied(1, { error: 'another' }))
  readAll(agent)
  assert.deepEqual(agent.snapshot.replies, [{ request_id: 'r-1', ok: false, error: 'error 1', code: 'code' }])
})

test('replies that an earlier daemon stored are shortened when they are read', (t) => {
  const { at, daemon } = listening(t)
  const first = daemon()
  readAll(first.agent)
  first.agent.save()
  first.agents.close()
  const cursor = JSON.parse(readFileSync(at('cursor.json'), 'utf8'))
  const errors = ids.map((request_id) => ({ request_id, ok: false, error: LONG }))
  cursor.snapshot.replies = errors
  cursor.snapshot.session_id = 'kept'
  writeFileSync(at('cursor.json'), JSON.stringify(cursor))
  const before = held()
  const { agent } = daemon()
  const kept = held() - before
  assert.ok(kept < MOST_KEPT, `${kept / MB} MB`)
  assert.equal(agent.snapshot.session_id, 'kept')
  assert.deepEqual(
    agent.snapshot.replies.map(({ request_id, error }) => [request_id, error?.length]),
    ids.map((id) => [id, 4096]),
  )
})

test('an overlong cursor is not read, and its contents are restored from the journal', (t) => {
  const { at, daemon, say } = listening(t)
  say(system('init', { session_id: 'of the journal', model: 'm' }))
  writeFileSync(at('cursor.json'), '')
  truncateSync(at('cursor.json'), 1024 * MB)
  const { agent } = daemon()
  readAll(agent)
  assert.equal(agent.snapshot.session_id, 'of the journal')
})

test('requests that take much more memory than their length are not kept', (t) => {
  const { daemon, say } = listening(t)
  const { agent } = daemon()
  say(started)
  readAll(agent)
  const before = held()
  const input = { lists: Array.from({ length: 0.6 * MB }, () => []) }
  for (const request_id of ['q-1', 'q-2', 'q-3'])
    say({ type: 'control_request', request_id, request: { subtype: 'can_use_tool', tool_name: 'T', input } })
  input.lists = []
  readAll(agent)
  assert.equal(agent.snapshot.pending_omitted, 3)
  const kept = held() - before
  assert.ok(kept < MOST_KEPT, `${kept / MB} MB`)
})

test('keeping the beginning of a long text does not keep the whole text in memory', () => {
  const before = held()
  const heads = Array.from({ length: LINES }, (_, n) => head(`${LONG}${n}`.replace('x', 'y'), 256))
  const kept = held() - before
  assert.ok(kept < MOST_KEPT, `${kept / MB} MB`)
  assert.ok(heads.every((text) => text.length === 256))
})
