import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMAND_MEMORY, commandMemory, memoryVariables } from '../../../src/config/hub-memory.ts'

const MIB = 1024 * 1024
const DAY_MS = 86_400_000

test('what a hub remembers is said by flags, else by variables, else it is 16 MiB and 30 days', () => {
  assert.deepEqual(commandMemory({}, {}), { bytes: 16 * MIB, age_ms: 30 * DAY_MS })
  assert.deepEqual(commandMemory({}, { FOMULAR_HUB_KEEP_COMMANDS_MB: '' }), COMMAND_MEMORY)
  const env = { FOMULAR_HUB_KEEP_COMMANDS_MB: '64', FOMULAR_HUB_KEEP_COMMANDS_DAYS: '0.5' }
  assert.deepEqual(commandMemory({}, env), { bytes: 64 * MIB, age_ms: DAY_MS / 2 })
  assert.deepEqual(commandMemory({ keepCommandsMb: '8', keepCommandsDays: '2' }, env), {
    bytes: 8 * MIB,
    age_ms: 2 * DAY_MS,
  })
  assert.deepEqual(memoryVariables({ keepCommandsDays: '2' }, env), {
    FOMULAR_HUB_KEEP_COMMANDS_MB: '64',
    FOMULAR_HUB_KEEP_COMMANDS_DAYS: '2',
  })
  assert.deepEqual(memoryVariables({}, {}), {})
})

test('what is no size, or more than an earlier hub could read, is refused by its name', () => {
  for (const value of ['0', '129', '1.5', 'much'])
    assert.throws(() => commandMemory({ keepCommandsMb: value }, {}), /^UserError: --keep-commands-mb is/)
  assert.throws(
    () => commandMemory({}, { FOMULAR_HUB_KEEP_COMMANDS_DAYS: '-1' }),
    /FOMULAR_HUB_KEEP_COMMANDS_DAYS is "-1", but must be a number from 0.01 to 3650/,
  )
})
