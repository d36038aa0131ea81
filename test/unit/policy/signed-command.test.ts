import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openSigned } from '../../../src/policy/signed-command.ts'
import { type CommandOf, Limits, parseFromServer } from '../../../src/protocol/index.ts'
import { person, signedBy } from '../../support/signing.ts'

const MINUTE = 60_000
const alice = person()
const prompt: CommandOf<'agent:prompt'> = {
  type: 'agent:prompt',
  command_id: 'c-1',
  agent_id: 'a-1',
  content: 'List the files',
}
const signed = () => signedBy(alice, prompt, 'm-1')
const open = (
  command: typeof prompt,
  expected: { keys?: string[]; machineId?: string; aheadMs?: number } = {},
) => {
  const { keys = [alice.key], machineId = 'm-1', aheadMs = 0 } = expected
  return openSigned(command, { keys, machineId, now: Date.now() + aheadMs, hasBegun: () => false })
}

test('a machine carries out only the signed text, and ignores the other fields of the command', async () => {
  const altered = { ...(await signed()), content: 'Delete the files', by: 'alice' }
  const { command } = open(altered)
  assert.deepEqual(command && 'content' in command && command.content, 'List the files')
})

test('a command without a signature, with the signature of an unknown person, or for another target is refused', async () => {
  const command = await signed()
  const { payload, ...rest } = command.signed!
  const other = person()
  const refusals: [string, ReturnType<typeof open>, RegExp][] = [
    ['none', open(prompt), /arrived without a signature/],
    ['stranger', open(await signedBy(other, prompt, 'm-1')), /policy does not list/],
    [
      'borrowed key',
      open({ ...command, signed: { ...(await signedBy(other, prompt, 'm-1')).signed!, key: alice.key } }),
      /does not match/,
    ],
    [
      'altered',
      open({ ...command, signed: { ...rest, payload: payload.replace('List', 'Wipe') } }),
      /does not match/,
    ],
    ['no base64', open({ ...command, signed: { ...rest, payload, signature: '\u0000' } }), /does not match/],
    ['elsewhere', open(command, { machineId: 'm-2' }), /for another machine/],
    ['other agent', open({ ...command, agent_id: 'a-2' }), /for another agent/],
    ['other id', open({ ...command, command_id: 'c-2' }), /with another id/],
    ['other type', open({ ...command, type: 'agent:resume' } as never), /for agent:prompt, not agent:resume/],
  ]
  for (const [name, { refused = '' }, message] of refusals) assert.match(refused, message, name)
})

test('a command is accepted from seven days before its expiry until two minutes after its expiry', async () => {
  const command = await signed()
  assert.ok(open(command, { aheadMs: 11.9 * MINUTE }).command)
  assert.match(
    open(command, { aheadMs: 12.1 * MINUTE }).refused!,
    /has expired at .*Z; by this machine's clock it is/,
  )
  assert.ok(open(command, { aheadMs: (10 - 7 * 24 * 60) * MINUTE }).command)
  assert.match(open(command, { aheadMs: -8 * 24 * 60 * MINUTE }).refused!, /more than 7 days from now/)
})

test('a command that the machine has begun can be repeated after its expiry', async () => {
  const command = await signed()
  const now = Date.now() + 100 * MINUTE
  const expected = { keys: [alice.key], machineId: 'm-1', now }
  assert.ok(openSigned(command, { ...expected, hasBegun: ({ command_id }) => command_id === 'c-1' }).command)
  assert.match(openSigned(command, { ...expected, hasBegun: () => false }).refused!, /has expired/)
})

test('a signed approval must name the tool and the input that the person has seen', async () => {
  const answer = (fields: object) =>
    signedBy(
      alice,
      { ...prompt, type: 'agent:permission', request_id: 'r', ...fields } as never as typeof prompt,
      'm-1',
    )
  const seen = { decision: 'allow', tool: 'Bash', input: { command: 'ls' } }
  for (const missing of ['tool', 'input'] as const)
    assert.match(open(await answer({ ...seen, [missing]: undefined })).refused!, /does not name the tool/)
  assert.ok(open(await answer(seen)).command)
  assert.ok(open(await answer({ decision: 'deny' })).command)
})

test('a signed text that is not a command, or has no expiry, is refused', async () => {
  const sign = async (payload: string) => {
    const signature = Buffer.from(await alice.sign(Buffer.from(payload), 'm-1')).toString('base64')
    return open({ ...prompt, signed: { payload, signature, key: alice.key } }).refused
  }
  assert.match((await sign('hello'))!, /cannot be read/)
  assert.match((await sign('{"type":"link:ping"}'))!, /cannot be read/)
  assert.match((await sign(JSON.stringify(prompt)))!, /cannot be read/)
  assert.match((await sign(`${'['.repeat(Limits.values)}`))!, /cannot be read/)
  assert.match(
    (await sign(JSON.stringify({ ...prompt, machine_id: 'm-1', expires_at: 'soon' })))!,
    /no valid expires_at/,
  )
})

test('a web page can sign with WebCrypto', async () => {
  const { privateKey, publicKey } = (await webcrypto.subtle.generateKey('Ed25519', true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const raw = Buffer.from(await webcrypto.subtle.exportKey('raw', publicKey))
  const page = {
    key: `ed25519:${raw.toString('base64')}`,
    validMs: MINUTE,
    sign: async (bytes: Uint8Array) =>
      new Uint8Array(await webcrypto.subtle.sign('Ed25519', privateKey, bytes)),
  }
  assert.ok(open(await signedBy(page, prompt, 'm-1'), { keys: [page.key] }).command)
})

test('the example of a signed command on the protocol page has a valid signature', () => {
  const page = readFileSync(new URL('../../../src/protocol/README.md', import.meta.url), 'utf8')
  const [, example = ''] = /```json\n(\{\n {2}"type": "agent:prompt",[\s\S]*?)\n```/.exec(page)!
  const parsed = parseFromServer(example)
  assert.ok(parsed.ok && parsed.message.type === 'agent:prompt')
  const { signed } = parsed.message
  const { machine_id, expires_at } = JSON.parse(signed!.payload)
  const expected = {
    keys: [signed!.key],
    machineId: machine_id,
    now: Date.parse(expires_at) - MINUTE,
    hasBegun: () => false,
  }
  assert.equal(openSigned(parsed.message, expected).refused, undefined)
})
