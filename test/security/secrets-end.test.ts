import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, renameSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CommandLog } from '../../src/hub/store/files/command-log.ts'
import { createLogger } from '../../src/platform/log.ts'
import * as protocol from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { TestHub } from '../support/hub.ts'
import { LightDaemon, statusOf } from '../support/light-daemon.ts'
import { limited } from '../support/limited.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const SECRET = 'sk-top-secret'

const quiet = createLogger({ level: 'silent', stderr: 'none' })

const WITH_ENV = { cwd: '/', env: { API_TOKEN: SECRET } }

const WITH_SERVER = { cwd: '/', mcp_servers: { tickets: { headers: { Authorization: SECRET } } } }

/** Returns the files below a folder that contain the secret. */
const filesWith = (dir: string, secret = SECRET) =>
  globSync('**', { cwd: dir })
    .filter((name) => statSync(join(dir, name)).isFile())
    .filter((name) => readFileSync(join(dir, name)).includes(secret))
    .sort()

const start = (hub: TestHub, agent_id: string, spec: object, wait = 30) =>
  hub.api<protocol.Outcome>('POST', `/api/agents?wait=${wait}`, {
    agent_id,
    command_id: `start-${agent_id}`,
    spec,
  })

test('when a caller sees the outcome of a command, the hub has already deleted the command’s secrets', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon()
  const answers: Record<string, (command: { type: string; command_id: string }) => void> = {
    carried_out: (command) => daemon.answer(command, { pid: 1 }),
    refused: ({ type, command_id }) =>
      daemon.send({ type: `${type}:result`, command_id, ok: false, error: { code: 'x', message: 'No.' } }),
    not_read: ({ command_id }) =>
      daemon.send({ type: 'protocol:error', code: 'invalid', message: 'No.', command_id }),
  }
  let count = 0
  for (const [name, answer] of Object.entries(answers))
    for (const spec of [WITH_ENV, WITH_SERVER]) {
      const outcome = start(hub, `${name}-${count}`, spec)
      const command = await daemon.command('agent:start', ++count)
      assert.deepEqual(filesWith(hub.dir), ['commands.jsonl'], name)
      answer(command)
      assert.notEqual((await outcome).state, 'pending')
      assert.deepEqual(filesWith(hub.dir), [], name)
    }
  assert.equal(
    (await hub.api<protocol.Outcome>('GET', '/api/commands/start-refused-2')).error?.message,
    'No.',
  )
})

test('answers to questions and forms are deleted when the machine has accepted or refused them', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon({ agents: [statusOf('a')] })
  for (const [count, ok] of [true, false].entries()) {
    const outcome = hub.api<protocol.Outcome>('POST', '/api/agents/a/answer', {
      request_id: 'r',
      answers: { [`Password ${count}?`]: SECRET, ports: [SECRET], debug: true },
    })
    const command = await daemon.command('agent:answer', count + 1)
    assert.deepEqual((command as { answers?: object }).answers, {
      [`Password ${count}?`]: SECRET,
      ports: [SECRET],
      debug: true,
    })
    assert.deepEqual(filesWith(hub.dir), ['commands.jsonl'])
    const { type, command_id } = command
    if (ok) daemon.answer(command)
    else
      daemon.send({
        type: `${type}:result`,
        command_id,
        ok: false,
        error: { code: 'invalid_command', message: 'No.' },
      })
    assert.equal((await outcome).state, ok ? 'succeeded' : 'failed')
    assert.deepEqual(filesWith(hub.dir), [])
  }
  const { entries } = await hub.api<protocol.AuditPage>('GET', '/api/audit?action=agent:answer')
  assert.deepEqual(entries[0]?.details, { request_id: 'r' })
})

test('an answer that a form refuses is not quoted in the error', () => {
  const secrets = [SECRET, `${SECRET}, other`, 17_171_717]
  const fields = ['string', 'number', 'integer', 'boolean', 'array'].flatMap((type) => [
    { name: 'f', type, format: 'email', maximum: 1, max_length: 1, max_items: 0 },
    { name: 'f', type, options: [{ value: 'a' }] },
  ])
  const form = (all: protocol.FormField[]) => ({ server: 's', message: 'm', fields: all })
  const questions = [{ question: 'q', options: [] }]
  let refused = 0
  for (const secret of secrets)
    for (const each of [form([]), ...fields.map((field) => form([field]))])
      for (const name of ['q', 'f'])
        try {
          protocol.formResult(each, questions, { answers: { [name]: secret } })
        } catch (error) {
          refused++
          assert.doesNotMatch((error as Error).message, /sk-|171/)
        }
  assert.ok(refused > 20)
})

test('a waiting command keeps its secrets across a restart, and loses them when its machine is forgotten', async (t) => {
  const hub = await TestHub.open(t)
  const daemon = await hub.daemon()
  await start(hub, 'done', WITH_ENV, 0)
  await start(hub, 'waits', WITH_SERVER, 0)
  daemon.answer(await daemon.command('agent:start', 1))
  await until(() => !readFileSync(`${hub.dir}/commands.jsonl`, 'utf8').includes(JSON.stringify(WITH_ENV.env)))
  await daemon.close()
  await hub.restart()
  const again = await hub.daemon()
  const command = await again.command('agent:start')
  assert.deepEqual((command as { spec?: object }).spec, { runtime: 'claude', ...WITH_SERVER })
  assert.equal(again.ofType('agent:start').length, 1)
  await again.close()
  await hub.request('DELETE', `/api/machines/machine-1?force=true`)
  await until(() => filesWith(hub.dir).length === 0)
})

const accepted = (id: string, spec: object) =>
  JSON.stringify({
    version: 1,
    machine_id: 'machine-1',
    command: { type: 'agent:start', command_id: id, agent_id: id, spec },
  })

const answered = (id: string) =>
  JSON.stringify({
    version: 1,
    type: 'agent:start',
    outcome: { command_id: id, machine_id: 'machine-1', agent_id: id, state: 'succeeded' },
  })

test('a hub deletes secrets that an earlier version or a hub that was killed before its cleanup has left behind', async (t) => {
  const hub = await TestHub.open(t)
  await hub.stop()
  const text = [
    accepted('a', { ...WITH_ENV, title: 'späte Zeile' }),
    answered('a'),
    // If the command log was being rewritten, an outcome can precede its command.
    answered('b'),
    accepted('b', WITH_SERVER),
    // Partly overwritten.
    `    ${accepted('c', WITH_ENV).slice(4)}`,
    accepted('waits', { cwd: '/', env: { KEY: 'still needed' } }),
    // Torn.
    accepted('d', WITH_ENV).slice(0, -3),
  ].join('\n')
  writeFileSync(`${hub.dir}/commands.jsonl`, text)
  for (const pid of [process.pid, process.ppid, 4_194_304])
    writeFileSync(`${hub.dir}/commands.jsonl.${pid}.tmp`, accepted('e', WITH_ENV))
  await hub.start()
  assert.deepEqual(filesWith(hub.dir), [])
  const daemon = await hub.daemon()
  const command = await daemon.command('agent:start')
  assert.deepEqual((command as { spec?: object }).spec, {
    runtime: 'claude',
    cwd: '/',
    env: { KEY: 'still needed' },
  })
  assert.equal(daemon.ofType('agent:start').length, 1)
  for (const id of ['a', 'b'])
    assert.equal((await hub.api<protocol.Outcome>('GET', `/api/commands/${id}`)).state, 'succeeded')
  // The previous version can also read the cleaned file, because the formats of the lines are unchanged.
  await hub.restart()
  assert.deepEqual(filesWith(hub.dir), [])
})

test('if an outcome cannot be written to the disk, the secrets are deleted as soon as it can be written', async (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'commands.jsonl')
  writeFileSync(path, `${accepted('a', WITH_ENV)}\n`)
  const log = new CommandLog({ path, logger: quiet, visit() {} })
  renameSync(path, `${path}.aside`)
  mkdirSync(path)
  const outcome = JSON.parse(answered('a'))
  await assert.rejects(log.append(outcome))
  rmdirSync(path)
  renameSync(`${path}.aside`, path)
  await log.append(JSON.parse(accepted('b', { cwd: '/', env: { TOKEN: 'other' } })))
  assert.deepEqual(filesWith(dir), [])
  const read: unknown[] = []
  new CommandLog({
    path,
    logger: quiet,
    visit: (line) => read.push('outcome' in line ? line : line.command.command_id),
  })
  assert.deepEqual(read, [outcome, 'b'])
  // After the outcome that was written late, the log still finds lines at the right offsets.
  await log.append(JSON.parse(answered('b')))
  assert.deepEqual(filesWith(dir, 'other'), [])
})

test('if a command does not fit on a full disk, no part of it stays on the disk', (t) => {
  const path = join(tempDir(t), 'commands.jsonl')
  const line = accepted('a', { cwd: '/', env: { TOKEN: SECRET.repeat(1000) } })
  limited(
    4096,
    `
      import { CommandLog } from 'SRC/hub/store/files/command-log.ts'
      const log = new CommandLog({ path: ${JSON.stringify(path)}, logger: { error() {} }, visit() {} })
      await log.append(${line}).then(() => { throw new Error('written') }, () => {})
    `,
  )
  assert.equal(readFileSync(path, 'utf8'), '')
})

/** Starts a hub in a separate process that can report the content of its memory. */
async function hubProcess(t: TestContext) {
  const dir = tempDir(t)
  const program = fileURLToPath(new URL('../support/hub-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--heapsnapshot-signal=SIGUSR2', program, dir], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => void child.kill('SIGKILL'))
  const url = String(await new Promise((resolve) => child.stdout.once('data', resolve))).trim()
  let count = 0
  const remembered = async () => {
    child.kill('SIGUSR2')
    count++
    const files = () => globSync(join(dir, '*.heapsnapshot')).sort()
    const whole = (file?: string) => file !== undefined && readFileSync(file, 'utf8').trimEnd().endsWith('}')
    await until(() => files().length === count && whole(files().at(-1)), { what: 'a heap snapshot' })
    return readFileSync(files().at(-1)!, 'utf8')
  }
  return {
    dir,
    url,
    key: (role: string) => readFileSync(join(dir, `${role}.key`), 'utf8').trim(),
    remembered,
  }
}

test('a hub’s memory contains no secret of an answered command', async (t) => {
  const { url, key, remembered } = await hubProcess(t)
  const daemon = await LightDaemon.greet({ url, key: key('machine') })
  t.after(() => daemon.socket.terminate())
  const outcome = fetch(`${url}/api/agents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key('user')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ agent_id: 'a', command_id: 'the-command', spec: WITH_ENV }),
  })
  const command = await daemon.command('agent:start')
  assert.ok((await remembered()).includes(SECRET))
  daemon.answer(command)
  await (await outcome).text()
  await daemon.settled()
  const memory = await remembered()
  assert.ok(memory.includes('the-command'))
  assert.ok(!memory.includes(SECRET))
})

test('secrets on the machine stay in the agent’s private folder until the agent is removed', async (t) => {
  const stage = await fakeStage(t)
  const hub = await stage.hub()
  const daemon = await stage.daemon()
  const agent = await stage.start({ env: { API_TOKEN: SECRET }, mcp_servers: WITH_SERVER.mcp_servers })
  await stage.agentIs(agent, 'idle')
  const files = filesWith(stage.state)
  assert.deepEqual(
    files,
    ['env.sh', 'mcp.json', 'spec.json'].map((name) => `agents/${agent}/${name}`),
  )
  for (const file of files) assert.equal(statSync(join(stage.state, file)).mode & 0o077, 0, file)
  assert.equal(statSync(join(stage.state, 'agents', agent)).mode & 0o077, 0)
  assert.doesNotMatch(hub.log() + daemon.log(), new RegExp(SECRET))
  const shown = await stage.api('GET', '/api/agents')
  assert.doesNotMatch(JSON.stringify(shown), new RegExp(SECRET))
  await stage.command(agent, 'remove', { force: true })
  assert.deepEqual(filesWith(stage.state), [])
})
