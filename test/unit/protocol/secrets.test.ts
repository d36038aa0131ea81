import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod/mini'
import {
  Commands,
  Enrolment,
  HIDDEN,
  hasSecrets,
  secret,
  withoutSecrets,
} from '../../../src/protocol/index.ts'

const start = Commands['agent:start']
const plain = { type: 'agent:start' as const, command_id: 'c', agent_id: 'a', spec: { cwd: '/' } }

test('the secrets of a start are hidden, but the names of their fields are shown', () => {
  const command = {
    ...plain,
    spec: { cwd: '/', env: { TOKEN: 'abc' }, mcp_servers: { tickets: { env: { KEY: 'def' } } } },
  }
  assert.deepEqual(withoutSecrets(start, command), {
    ...plain,
    spec: { cwd: '/', env: { TOKEN: HIDDEN }, mcp_servers: { tickets: HIDDEN } },
  })
  assert.ok(hasSecrets(start, command))
  assert.equal(command.spec.env.TOKEN, 'abc')
})

test('a command without secrets is returned unchanged', () => {
  assert.equal(withoutSecrets(start, plain), plain)
  const empty = { ...plain, spec: { cwd: '/', env: {} } }
  assert.equal(hasSecrets(start, empty), false)
})

test('secrets are found anywhere in a schema', () => {
  const schema = z.object({
    list: z.array(z.object({ key: secret(z.string()) })),
    table: z.record(z.string(), z.union([z.number(), z.object({ key: z.optional(secret(z.string())) })])),
    may: z.nullable(secret(z.array(z.string()))),
  })
  const value = { list: [{ key: 'a' }, {}], table: { x: 1, y: { key: 'b' } }, may: ['c'], more: 'd' }
  assert.deepEqual(withoutSecrets<unknown>(schema, value), {
    list: [{ key: HIDDEN }, {}],
    table: { x: 1, y: { key: HIDDEN } },
    may: HIDDEN,
    more: 'd',
  })
  assert.deepEqual(withoutSecrets(Enrolment, { token: 't', expires_at: 'e' }), {
    token: HIDDEN,
    expires_at: 'e',
  })
})
