import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HUB_LIMITS, hubLimits, limitVariables } from '../../../src/config/hub-limits.ts'

const MIB = 1024 * 1024
const DAY_MS = 86_400_000

test('the command memory of a hub is set by flags or variables, and defaults to 16 MiB and 30 days', () => {
  assert.deepEqual(hubLimits({}, {}).memory, { bytes: 16 * MIB, age_ms: 30 * DAY_MS })
  assert.deepEqual(hubLimits({}, { FOMULAR_HUB_KEEP_COMMANDS_MB: '' }), HUB_LIMITS)
  const env = { FOMULAR_HUB_KEEP_COMMANDS_MB: '64', FOMULAR_HUB_KEEP_COMMANDS_DAYS: '0.5' }
  assert.deepEqual(hubLimits({}, env).memory, { bytes: 64 * MIB, age_ms: DAY_MS / 2 })
  assert.deepEqual(hubLimits({ keepCommandsMb: '8', keepCommandsDays: '2' }, env).memory, {
    bytes: 8 * MIB,
    age_ms: 2 * DAY_MS,
  })
  assert.deepEqual(limitVariables({ keepCommandsDays: '2' }, env), {
    FOMULAR_HUB_KEEP_COMMANDS_MB: '64',
    FOMULAR_HUB_KEEP_COMMANDS_DAYS: '2',
  })
  assert.deepEqual(limitVariables({}, {}), {})
})

test('an invalid limit or a limit over the maximum of earlier hubs is refused, and the error names its flag or variable', () => {
  for (const value of ['0', '129', '1.5', 'much'])
    assert.throws(() => hubLimits({ keepCommandsMb: value }, {}), /^UserError: --keep-commands-mb is/)
  assert.throws(
    () => hubLimits({}, { FOMULAR_HUB_KEEP_COMMANDS_DAYS: '-1' }),
    /FOMULAR_HUB_KEEP_COMMANDS_DAYS is "-1", but must be a number from 0.01 to 3650/,
  )
})

test('the limits for a machine are set by flags or variables, and a service passes them to its hub as variables', () => {
  const env = { FOMULAR_HUB_MACHINE_AGENTS: '20' }
  const { machine } = hubLimits({ machineHistory: '7' }, env)
  assert.deepEqual(machine, { agents: 20, history_bytes: 7 * MIB, in_flight_bytes: 64 * MIB })
  assert.deepEqual(limitVariables({ machineHistory: '7' }, env), {
    FOMULAR_HUB_MACHINE_AGENTS: '20',
    FOMULAR_HUB_MACHINE_HISTORY_MB: '7',
  })
  assert.throws(() => hubLimits({ machineAgents: '0' }, {}), /^UserError: --machine-agents is "0"/)
})

test('for any total size, the audit log is split into files that are small enough to be read at once', () => {
  const audit = (auditMb?: string) => hubLimits({ auditMb }, {}).audit
  assert.deepEqual(audit(), { bytes: 4 * MIB, files: 16 })
  assert.deepEqual(audit('1'), { bytes: MIB / 16, files: 16 })
  assert.deepEqual(audit('4096'), { bytes: 4 * MIB, files: 1024 })
})
