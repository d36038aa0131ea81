import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { Outcome } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const SECRET = 'sk-top-secret'

const cli = (stage: Stage, args: string[], env: Record<string, string> = {}) => {
  const [program, ...first] = RUN
  return execa(program, [...first, ...args], {
    cwd: stage.cwd,
    env: { ...stage.env, ...env },
    extendEnv: false,
    reject: false,
  })
}

/** Starts a hub, and a machine whose policy names a new key. */
async function signedStage(t: TestContext) {
  const dir = tempDir(t)
  const policy = join(dir, 'policy.toml')
  const file = join(dir, 'alice.key')
  const stage = await fakeStage(t, { FOMULAR_POLICY: policy })
  const made = await cli(stage, ['key', 'new', '--output', file, '--json'])
  const { key } = JSON.parse(made.stdout)
  writeFileSync(policy, `version = 1\nsigned_by = ["${key}"]\nrepository_trust = "any"\n`)
  await stage.hub()
  await stage.daemon()
  return { stage, file, key, policy }
}

test('a person creates a key, and signs every command for which a machine requires a signature', async (t) => {
  const { stage, file, key } = await signedStage(t)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal((await cli(stage, ['key', 'show', file])).stdout, key)
  const env = { FOMULAR_SIGN_KEY: file }
  assert.equal((await cli(stage, ['key', 'show'], env)).stdout, key)

  const refused = await cli(stage, ['agent', 'start', '--id', 'a-1'])
  assert.equal(refused.exitCode, 4)
  assert.match(refused.stderr, /only commands that a person has signed\.\n.*--sign-key FILE.*key new/)
  const started = await cli(stage, [
    'agent',
    'start',
    '--id',
    'a-1',
    '--env',
    `TOKEN=${SECRET}`,
    '--sign-key',
    file,
  ])
  assert.equal(started.exitCode, 0, started.stderr)
  const { machine_id } = (await stage.machine())!
  assert.match(started.stderr, new RegExp(`Signed for the machine ${machine_id}, valid for 10 min`))

  const signed = (...args: string[]) => cli(stage, args, env)
  assert.equal((await cli(stage, ['agent', 'send', 'a-1', 'ask'])).exitCode, 4)
  assert.equal((await signed('agent', 'send', 'a-1', 'ask')).exitCode, 0)
  const asked = await stage.asked('a-1')
  assert.equal((await cli(stage, ['agent', 'approve', 'a-1', ...asked])).exitCode, 4)
  assert.equal((await signed('agent', 'approve', 'a-1', ...asked)).exitCode, 0)
  await stage.eventually('a-1', 'text', ({ text }) => text === 'allowed')
  assert.equal((await signed('agent', 'send', 'a-1', 'ask Sure?')).exitCode, 0)
  const question = await stage.asked('a-1')
  assert.equal((await cli(stage, ['agent', 'answer', 'a-1', 'Yes', ...question])).exitCode, 4)
  assert.equal((await signed('agent', 'answer', 'a-1', 'Yes', ...question)).exitCode, 0)
  assert.equal((await signed('agent', 'configure', 'a-1', '--model', 'opus')).exitCode, 0)
  assert.equal((await cli(stage, ['agent', 'interrupt', 'a-1'])).exitCode, 0)
  assert.equal((await cli(stage, ['agent', 'stop', 'a-1'])).exitCode, 0)
  assert.equal((await cli(stage, ['agent', 'resume', 'a-1'])).exitCode, 4)
  assert.equal((await signed('agent', 'resume', 'a-1')).exitCode, 0)
  assert.equal((await cli(stage, ['agent', 'remove', 'a-1', '--force'])).exitCode, 4)
  assert.equal((await signed('agent', 'remove', 'a-1', '--force')).exitCode, 0)
  assert.equal((await cli(stage, ['machine', 'update'])).exitCode, 4)
  const update = await signed('machine', 'update', '--json')
  assert.doesNotMatch(update.stdout + update.stderr, /"policy"/)

  const audit = (await cli(stage, ['hub', 'audit', '--json', '--action', 'agent:start'])).stdout
  assert.match(audit, new RegExp(`"signed_by":"${key.replaceAll('+', '\\+')}"`))
  assert.doesNotMatch(audit, /payload|sk-top/)
  assert.doesNotMatch(readFileSync(join(stage.state, 'hub/commands.jsonl'), 'utf8'), /sk-top/)
})

test('the machine refuses unsigned commands from its hub, and gives the reason', async (t) => {
  const { stage, file } = await signedStage(t)
  const spec = { cwd: stage.cwd }
  const plain = await stage.api<Outcome>('POST', '/api/agents', { spec })
  assert.deepEqual([plain.error?.code, plain.error?.path], ['policy', 'signed_by'])
  assert.match(plain.error!.remedy!, /older hubs remove signatures/)
  const restart = await stage.api<Outcome>('POST', `/api/machines/${plain.machine_id}/restart`, {})
  assert.equal(restart.error?.path, 'signed_by')

  const command = { command_id: 'c-1', agent_id: 'a-1', spec, machine_id: plain.machine_id }
  const payload = JSON.stringify({ ...command, type: 'agent:start', spec: { ...spec, title: 'Other' } })
  const signed = { payload, signature: 'x', key: 'x' }
  const misled = await stage.request('POST', '/api/agents', { ...command, signed })
  assert.equal(misled.status, 400)
  assert.match(await misled.text(), /"path":"signed\.payload"/)

  const other = join(tempDir(t), 'bob.key')
  await cli(stage, ['key', 'new', '--output', other])
  const stranger = await cli(stage, ['agent', 'start', '--sign-key', other])
  assert.equal(stranger.exitCode, 4)
  assert.match(stranger.stderr, /policy does not list/)

  chmodSync(file, 0o644)
  const readable = await cli(stage, ['agent', 'start', '--sign-key', file])
  assert.equal(readable.exitCode, 2)
  assert.match(readable.stderr, /can be read by other users\.\n.*chmod 600/)
  const none = await cli(stage, ['agent', 'start', '--sign-key', join(stage.dir, 'none')])
  assert.equal(none.exitCode, 2)
  const again = await cli(stage, ['key', 'new', '--output', file])
  assert.match(again.stderr, /already exists/)
})

test('the machine follows changes of its policy, and commands on the machine itself need no signature', async (t) => {
  const { stage, policy } = await signedStage(t)
  const restarted = await cli(stage, ['restart'])
  assert.equal(restarted.exitCode, 0, restarted.stderr)
  assert.equal(
    (await stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd } })).error?.path,
    'signed_by',
  )
  writeFileSync(policy, 'version = 1\nrepository_trust = "any"\n')
  await stage.start()
  writeFileSync(policy, 'version = 1\nsigned_by = ["ed25519:short"]\n')
  const unreadable = await stage.api<Outcome>('POST', '/api/agents', { spec: { cwd: stage.cwd } })
  assert.equal(unreadable.error?.code, 'policy')
  const { machine_id } = (await stage.machine())!
  const restart = await stage.api<Outcome>('POST', `/api/machines/${machine_id}/restart`, {})
  assert.match(restart.error?.message ?? '', /cannot be read/)
  await until(async () => (await stage.machine())!.status.policy?.state === 'unreadable', {
    what: 'the status',
  })
})
