import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foreseenRefusals } from '../../../src/policy/foreseen.ts'
import { CAREFUL, OPEN } from '../../../src/policy/schema.ts'
import { summaryOf } from '../../../src/policy/summary.ts'
import type { MachinePolicy } from '../../../src/protocol/index.ts'

const careful = summaryOf({ from: 'default', kind: 'careful', policy: CAREFUL })
const keys = (policy: MachinePolicy, spec: object) =>
  foreseenRefusals(policy, { type: 'agent:start', spec: { cwd: '/work', ...spec } }).map(({ key }) => key)

test('the policy summary of a machine shows which starts the machine would refuse', () => {
  assert.deepEqual(keys(careful, {}), [])
  assert.deepEqual(keys(careful, { permission_mode: 'bypassPermissions' }), ['permission_modes'])
  assert.deepEqual(keys(careful, { allowed_tools: ['Read', 'Bash'] }), ['tools.allow'])
  assert.deepEqual(keys(careful, { env: { GREETING: 'hi', PATH: '/tmp' } }), ['environment.set'])
  assert.deepEqual(keys(careful, { system_prompt: { mode: 'replace', text: 'x' } }), ['system_prompt'])
  assert.deepEqual(keys(careful, { mcp_servers: { db: { command: '/bin/db' } } }), ['mcp.listed'])
  assert.deepEqual(keys({ ...careful, runtimes: ['other'] }, {}), ['runtimes'])
  const denied = { ...careful, commands_denied: ['agent:resume'] }
  assert.equal(foreseenRefusals(denied, { type: 'agent:resume' })[0]?.key, 'commands.deny')
  const silenced = { ...careful, commands_denied: ['agent:prompt'] }
  assert.equal(foreseenRefusals(silenced, { type: 'agent:prompt' })[0]?.key, 'commands.deny')
  const mode = { type: 'agent:configure', permission_mode: 'auto' } as const
  assert.equal(foreseenRefusals(careful, mode)[0]?.key, 'permission_modes')
})

test('if only the machine can make a check, the check is left to the machine', () => {
  const listed = { ...careful, mcp_listed: ['db'], folders: { allow: ['/srv'], deny: ['/work'] } }
  assert.deepEqual(keys(listed, { mcp_servers: { db: { command: '/bin/other' } } }), [])
  assert.deepEqual(
    keys(summaryOf({ from: 'default', kind: 'open', policy: OPEN }), { env: { PATH: 'x' } }),
    [],
  )
  assert.deepEqual(keys({ state: 'newer', system_prompt: 'rewrite', mcp_servers: 'signed' }, {}), [])
  assert.deepEqual(keys(careful, { cwd: 5 }), [])
})

test('a machine that cannot read its policy can still stop agents', () => {
  const unreadable = { state: 'unreadable' }
  assert.deepEqual(keys(unreadable, {}), ['policy'])
  assert.equal(foreseenRefusals(unreadable, { type: 'agent:resume' }).length, 1)
  assert.equal(foreseenRefusals(unreadable, { type: 'agent:stop' }).length, 0)
})
