import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fakeStage } from '../support/fake-agent.ts'
import { RUN, type Stage } from '../support/stage.ts'

const explain = async (stage: Stage, args: string[], env: Record<string, string> = {}) => {
  const [program, ...rest] = RUN
  const options = { cwd: stage.cwd, env: { ...stage.env, ...env } }
  return (await promisify(execFile)(program, [...rest, 'agent', 'explain', ...args], options)).stdout
}

test('the life of an agent is told in sentences, from its history and the audit log', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({ prompt: 'ask' })
  const { pending } = await stage.agentIs(agent, ({ pending }) => pending.length > 0)
  assert.match(
    await explain(stage, [agent]),
    /Now\n {2}waiting: Bash, for .*\n {2}It waits for a person: 1 request\./,
  )
  await stage.command(agent, 'permission', { request_id: pending[0]!.request_id, decision: 'deny' })
  await stage.agentIs(agent, 'idle')
  await stage.command(agent, 'prompt', { content: 'exit 3' })
  await stage.agentIs(agent, 'exited')
  await stage.eventually(agent, 'process_exited')

  const text = await explain(stage, [agent])
  assert.match(
    text,
    /Orders\n {2}[-\d]+ [:\d]+ {2}local started it\.\n.* local answered a request for permission\.\n.* local sent a prompt\./,
  )
  assert.match(
    text,
    /Life\n {2}Run 1 began, with .*\n {2}A turn ended well.*It asked for permission once\.\n {2}Run 1 ended with code 3\./,
  )
  assert.match(text, /Now\n {2}exited: crashed \(3\), for .*\n {2}The agent crashed \(code 3\)\./)

  const { key } = await stage.api<{ key: string }>('POST', '/api/keys', { name: 'vera', role: 'viewer' })
  const seen = await explain(stage, [agent, '--all'], { FOMULAR_HUB_KEY: key })
  assert.match(seen, /Orders\n {2}Only an admin key can read them\.\nLife\n {2}Run 1 began/)

  const { orders, life, complete } = JSON.parse(await explain(stage, [agent, '--json']))
  assert.equal(complete, true)
  assert.deepEqual(
    life.map(({ part }: { part: string }) => part),
    ['run_began', 'turns', 'run_ended'],
  )
  assert.ok(orders.some(({ action }: { action: string }) => action === 'agent:start'))
})
