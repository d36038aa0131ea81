import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SignInToken } from '../../src/protocol/index.ts'
import { outline } from '../../src/wire/frame-log.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { browserOf, shown } from '../support/sessions.ts'
import type { Running } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const SECRET = 'sk-top-secret'
const mcp_servers = { tickets: { command: SECRET, headers: { Authorization: SECRET }, type: SECRET } }

test('at log level trace, neither the hub nor the daemon logs a secret, text, or key', async (t) => {
  const stage = await fakeStage(t)
  const hub = stage.run(['hub', '--port', String(stage.port), '--log-level', 'trace'])
  await until(
    () =>
      fetch(`${stage.hubUrl}/health`).then(
        (health) => health.ok,
        () => false,
      ),
    { what: 'the hub' },
  )
  let daemon: Running | undefined
  await stage.renew(() => {
    daemon = stage.run([...stage.daemonArgs().slice(0, -1), 'trace'], { AWS_SECRET_ACCESS_KEY: SECRET })
  })
  const agent = await stage.start({
    prompt: `say ${SECRET}`,
    env: { API_TOKEN: SECRET, type: SECRET },
    mcp_servers,
  })
  await stage.eventually(agent, 'turn_result')
  await stage.command(agent, 'prompt', { content: `say ${SECRET} again` })
  await stage.command(agent, 'answer', { request_id: 'none', answers: { code: SECRET, type: SECRET } })
  const ofAgent = (log: string) => log.includes('frame received') && log.includes(agent)
  await until(() => ofAgent(hub.log()) && ofAgent(daemon!.log()), { what: 'frames in both logs' })

  const keys = ['hub/user.key', 'hub/machine.key'].map((name) =>
    readFileSync(join(stage.state, name), 'utf8').trim(),
  )
  const user = { authorization: `Bearer ${keys[0]}` }
  const made = await fetch(`${stage.hubUrl}/api/sign-in-tokens`, { method: 'POST', headers: user })
  const { token } = (await made.json()) as SignInToken
  const signIn = () => fetch(`${stage.hubUrl}/sign-in`, { method: 'POST', body: JSON.stringify({ token }) })
  const { secret, cookie, session } = await browserOf(await signIn())
  assert.equal((await signIn()).status, 401)
  const alone = { headers: shown(session.session_id, secret) }
  assert.equal((await fetch(`${stage.hubUrl}/api/agents`, alone)).status, 401)
  keys.push(token, secret, cookie.split('=')[1]!)

  const listed = stage.run(['agent', 'list', '--verbose'])
  assert.equal(await listed.ended, 0)
  assert.match(listed.log(), /^GET \/api\/agents: 200, \d+ ms$/m)
  const status = stage.run(['status', '--verbose'])
  assert.equal(await status.ended, 0)
  assert.match(status.log(), /^GET \/status: 200, \d+ ms$/m)

  const read = () => readFileSync(join(stage.state, 'daemon.log'), 'utf8')
  for (const hop of ['input put', 'frame sent', 'result recorded', 'activity acknowledged', 'cursor saved'])
    await until(() => read().includes(hop), { what: hop })
  for (const hop of ['command stored', 'activity written', 'outcome stored'])
    await until(() => hub.log().includes(hop), { what: hop })
  const file = read()
  for (const log of [hub.log(), daemon!.log(), file, listed.log(), status.log()])
    for (const secret of [SECRET, ...keys]) assert.ok(!log.includes(secret))
})

test('the outline of a frame contains no secrets or text, and its size is limited', () => {
  const texts = { type: SECRET, content: SECRET, [`${SECRET}`]: SECRET, deep: [[{ text: SECRET }]] }
  const spec = { cwd: '/', prompt: SECRET, env: { A: SECRET, type: SECRET }, mcp_servers, ...texts }
  const frames = [
    { type: 'agent:start', command_id: 'c', agent_id: 'a', spec },
    { type: 'agent:prompt', command_id: 'c', agent_id: 'a', content: [{ type: 'text', text: SECRET }] },
    { type: 'agent:answer', command_id: 'c', agent_id: 'a', request_id: 'r', answers: { type: SECRET } },
    { type: 'agent:activity', agent_id: 'a', from: 0, to: 9, events: [{ kind: 'text', text: SECRET }] },
    { type: 'agent:start:result', command_id: 'c', ok: false, error: { code: 'x', message: SECRET } },
    { type: 'of:tomorrow', command_id: 'c', env: { type: SECRET }, token: SECRET },
  ]
  for (const frame of frames) {
    const shown = JSON.stringify(outline(frame))
    assert.ok(!shown.includes(SECRET), shown)
    assert.ok(shown.includes(frame.type))
  }
  const long = Array.from({ length: 10_000 }, (_, offset) => ({
    offset,
    kind: 'text',
    text: 'x'.repeat(1000),
  }))
  const wide = Object.fromEntries(long.map(({ offset }) => [`agent-${offset}`, offset]))
  let deep: unknown = SECRET
  for (let n = 0; n < 900; n++) deep = [deep]
  for (const frame of [
    { type: 'agent:activity', agent_id: 'a', from: 0, to: 9, events: long },
    { type: 'agent:ack', offsets: wide },
    { type: 'agent:activity', agent_id: 'x'.repeat(100_000), events: [{ kind: 'raw', input: deep }] },
  ])
    assert.ok(JSON.stringify(outline(frame)).length < 20_000)
})
