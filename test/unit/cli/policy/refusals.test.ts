import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsSignature, refusalsOf } from '../../../../src/cli/policy/refusals.ts'
import { parsePolicy } from '../../../../src/policy/read.ts'
import { type Command, Commands } from '../../../../src/protocol/index.ts'

const ids = { command_id: 'c', agent_id: 'a' }
const start = (spec: object): Command => Commands['agent:start'].parse({ type: 'agent:start', ...ids, spec })
const none = () => undefined

test('all refusals of a command by a policy are listed, with the key of each refusal', () => {
  const policy = parsePolicy(
    'version = 1\npermission_modes = ["plan"]\n[folders]\ndeny = ["/etc"]\n[commands]\ndeny = ["agent:start"]\n[update]\nallow = false\n[runtimes.claude]\nversions = ">=3"\n',
    'p',
  )
  const command = start({ cwd: '/etc', permission_mode: 'auto' })
  const keys = (program: typeof none | (() => { path: string; version: string })) =>
    refusalsOf(policy, command, program).map(({ key }) => key)
  assert.deepEqual(keys(none).sort(), ['commands.deny', 'folders.deny', 'permission_modes'])
  assert.ok(keys(() => ({ path: '/bin/claude', version: '2.1.0' })).includes('runtimes.claude.versions'))
  const update = Commands['daemon:update'].parse({ type: 'daemon:update', ...ids })
  assert.deepEqual(
    refusalsOf(policy, update, none).map(({ key }) => key),
    ['update.allow'],
  )
})

test('a start must be signed if the policy names people, but a stop need not be signed', () => {
  const key = Buffer.alloc(32).toString('base64')
  const policy = parsePolicy(`version = 1\nsigned_by = ["ed25519:${key}"]\n`, 'p')
  assert.equal(needsSignature(policy, start({ cwd: '/x' })), true)
  const stop = Commands['agent:stop'].parse({ type: 'agent:stop', ...ids })
  assert.equal(needsSignature(policy, stop), false)
  assert.equal(needsSignature(parsePolicy('version = 1', 'p'), start({ cwd: '/x' })), false)
})
