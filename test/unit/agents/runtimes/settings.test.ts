import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runtimes } from '../../../../src/agents/runtimes/index.ts'
import { COMMON_FIELDS, checkSettings } from '../../../../src/agents/runtimes/settings.ts'
import { AgentSpec } from '../../../../src/protocol/index.ts'
import { talker } from '../../../support/talker.ts'

test('every setting of an agent is common to all runtimes or known to one of them', () => {
  const known: string[] = [...COMMON_FIELDS, ...Object.values(runtimes).flatMap(({ settings }) => settings)]
  assert.deepEqual(Object.keys(AgentSpec.shape).sort(), known.sort())
})

test('a runtime refuses an agent with a setting that it does not know', () => {
  const spec = AgentSpec.parse({ runtime: 'talker', cwd: '/', model: 'm', env: { A: 'b' } })
  checkSettings(spec, talker)
  assert.throws(() => checkSettings({ ...spec, limits: { max_turns: 1 } }, talker), {
    error: {
      code: 'invalid_command',
      message: 'The runtime "talker" has no setting limits.',
      path: 'spec.limits',
      remedy: 'Remove the setting, or choose another runtime.',
    },
  })
})
