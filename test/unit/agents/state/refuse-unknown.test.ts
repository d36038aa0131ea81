import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identify } from '../../../../src/platform/process-identity.ts'
import { agentsIn, leftAgent } from '../../../support/agents.ts'
import { tempDir } from '../../../support/temp.ts'

const request = (request_id: string, subtype = 'of_tomorrow') =>
  `${JSON.stringify({ type: 'control_request', request_id, request: { subtype } })}\n`

/** An agent with a living process. The test writes the agent's output. */
function running(t: TestContext) {
  const dir = tempDir(t)
  const { at, started } = leftAgent(dir, 'a')
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  t.after(() => child.kill('SIGKILL'))
  const agent = identify(child.pid!)
  writeFileSync(
    at('process.json'),
    JSON.stringify({ version: 1, run: 1, launcher: agent, agent, feeder: agent }),
  )
  started()
  const say = (...lines: string[]) => appendFileSync(at('activity.jsonl'), lines.join(''))
  const daemon = () => {
    const agents = agentsIn(dir)
    t.after(() => agents.close())
    agents.adopt()
    return agents
  }
  /**
   * Returns the ids of the requests that were refused since the last call. Deletes the refusals, as an agent
   * would.
   */
  const refused = () =>
    readdirSync(at('in')).flatMap((name) => {
      const { response, type } = JSON.parse(readFileSync(join(at('in'), name), 'utf8'))
      rmSync(join(at('in'), name))
      // Skips the message with which the daemon initializes a new run.
      if (type === 'control_request') return []
      assert.equal(response.subtype, 'error')
      return response.request_id
    })
  return { at, say, daemon, refused }
}

test('an unknown request is refused once, by the first daemon that sees it', (t) => {
  const { at, say, daemon, refused } = running(t)
  say(request('r-1'), request('r-2', 'hook_callback'))
  daemon().close()
  assert.deepEqual(refused(), ['r-1', 'r-2'])
  say(request('r-3'))
  // The next daemon reads the journal again.
  rmSync(at('cursor.json'))
  const agents = daemon()
  assert.deepEqual(refused(), ['r-3'])
  say(request('r-4'))
  agents.check(agents.get('a'))
  agents.check(agents.get('a'))
  assert.deepEqual(refused(), ['r-4'])
  assert.deepEqual(agents.get('a').snapshot.pending, [])
})

test('if the next run reuses the id of a refused request, the new request is refused, too', (t) => {
  const { at, say, daemon, refused } = running(t)
  say(request('r-1'))
  const agents = daemon()
  assert.deepEqual(refused(), ['r-1'])
  agents.close()
  const run = JSON.parse(readFileSync(at('run.json'), 'utf8'))
  writeFileSync(at('run.json'), JSON.stringify({ ...run, run: 2 }))
  say('{"type":"launcher","subtype":"started","run":2}\n', request('r-1'))
  daemon()
  assert.deepEqual(refused(), ['r-1'])
})

test('a refusal that fails because of the disk is retried, unless the request was withdrawn', (t) => {
  const { at, say, daemon, refused } = running(t)
  const agents = daemon()
  const { folder } = agents.get('a') as { folder: { inputs: string } }
  folder.inputs = at('gone/inputs.jsonl')
  say(request('r-1'), request('r-2'))
  agents.check(agents.get('a'))
  assert.deepEqual(refused(), [])
  say('{"type":"control_cancel_request","request_id":"r-1"}\n')
  folder.inputs = at('inputs.jsonl')
  agents.check(agents.get('a'))
  assert.deepEqual(refused(), ['r-2'])
})

test('a request of an earlier process is not refused', (t) => {
  const { at, say, daemon, refused } = running(t)
  say(request('r-1'))
  appendFileSync(at('activity.jsonl'), '\n{"type":"launcher","subtype":"exited","run":1,"code":0}\n')
  daemon()
  assert.deepEqual(refused(), [])
})

test('many simultaneous requests are all refused, even requests that are nested too deeply to be passed on', (t) => {
  const { say, daemon, refused } = running(t)
  const ids = Array.from({ length: 200 }, (_, index) => `r-${index}`)
  say(...ids.map((id) => request(id)))
  const deep = '['.repeat(5000) + ']'.repeat(5000)
  const form = `{"subtype":"elicitation","mcp_server_name":"m","message":"x","requested_schema":{"properties":{"a":{"default":${deep}}}}}`
  say(`{"type":"control_request","request_id":"form","request":${form}}\n`)
  say(
    `{"type":"control_request","request_id":"deep","request":{"subtype":"x","y":${deep}}}\n`,
    request('last'),
  )
  daemon()
  assert.deepEqual(refused(), [...ids, 'form', 'deep', 'last'])
})
