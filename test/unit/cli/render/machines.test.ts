import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { machineTable, runtimeText } from '../../../../src/cli/render/machine.ts'
import { policyLine, refusedText } from '../../../../src/cli/render/policy.ts'
import { textWidth } from '../../../../src/cli/render/width.ts'
import { CAREFUL, OPEN } from '../../../../src/policy/schema.ts'
import { summaryOf } from '../../../../src/policy/summary.ts'
import type { HubMachine } from '../../../../src/protocol/index.ts'

const plain = colors(false)
const now = Date.parse('2026-01-01T01:00:00Z')

test('the table of machines fits into 80 columns', () => {
  const machine = {
    machine_id: '6f1d2c9e-8a0b-4f1e-9c3d-2b1a0f9e8d7c',
    name: 'a-machine-with-a-long-name',
    hostname: 'build-7.internal.example.com',
    os: 'linux',
    arch: 'x64',
    daemon_version: '0.1.0',
    connected: true,
    since: '2026-01-01T00:00:00Z',
    status: { runtimes: [{ name: 'claude', found: true, version: '2.1.332' }], problems: [] },
  } as unknown as HubMachine
  for (const line of machineTable([machine], now, plain, 80).split('\n'))
    assert.ok(textWidth(line) <= 80, line)
  assert.match(machineTable([machine], now, plain), /build-7.internal.*linux x64 +0.1.0 +claude 2.1.332$/)
  const policy = { state: 'file', permission_modes: ['plan\x1b[2J'], mcp_servers: 'x'.repeat(500) }
  const limited = { ...machine, status: { ...machine.status, policy } }
  assert.match(machineTable([limited], now, plain), /\n {2}· Policy: from a file; modes plan␛\[2J; /)
  for (const line of machineTable([limited], now, plain, 80).split('\n'))
    assert.ok(textWidth(line) <= 80, line)
})

test('a missing runtime is shown with a remedy', () => {
  assert.equal(runtimeText({ name: 'claude', found: false, problem: 'Install it.' }), 'Install it.')
})

test('the policy of a machine is shown on one line, even if only newer versions know this kind of policy', () => {
  const { open, careful } = {
    open: summaryOf({ from: 'default', kind: 'open', policy: OPEN }),
    careful: summaryOf({ from: 'default', kind: 'careful', policy: CAREFUL }),
  }
  assert.equal(policyLine(open), "none: a server may do anything that the daemon's user can")
  assert.equal(
    policyLine(careful),
    'careful default; modes default, plan, acceptEdits, dontAsk; folders /; MCP servers listed (none)',
  )
  assert.equal(policyLine({ state: 'unreadable' }), 'unreadable: nothing is started')
  assert.equal(
    refusedText({ 'folders.deny': 3, permission_modes: 1 }),
    '; refused: folders.deny 3, permission_modes 1',
  )
  assert.equal(refusedText(), '')
  assert.equal(policyLine({ state: 'constructor\x1b' }), 'constructor␛')
})
