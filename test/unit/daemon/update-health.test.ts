import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UpdateHealth } from '../../../src/daemon/update-health.ts'
import type { UpdateRecord } from '../../../src/update/record.ts'

const record = (changed: Partial<UpdateRecord>): UpdateRecord => ({
  version: 1,
  command_id: 'c',
  origin: 'schedule',
  requested: 'latest',
  from: '1.0.0',
  to: '1.1.0',
  stage: 'resolve',
  attempts: 1,
  started_at: '2026-01-01T00:00:00.000Z',
  restart_strategy: 'self',
  settled: true,
  bad_versions: [],
  ...changed,
})

test('a registry that does not answer is a problem until it answers, but a failed update takes precedence', () => {
  let problem: string | undefined
  const health = new UpdateHealth({
    setUpdate: () => {},
    report: (_code, { message, remedy }) => {
      problem = `${message} (${remedy})`
    },
    clear: () => {
      problem = undefined
    },
  })
  const error = { code: 'update_registry_unreachable', message: 'No network.', remedy: 'Mend it.' } as const
  health.onLooked(error)
  assert.equal(problem, 'This machine could not look for a newer version. No network. (Mend it.)')
  health.onUpdate(record({ outcome: 'failed', error: { ...error, message: 'It broke off.' } }))
  assert.equal(problem, 'The update to 1.1.0 failed. It broke off. (Mend it.)')
  health.onLooked()
  assert.equal(problem, 'The update to 1.1.0 failed. It broke off. (Mend it.)')
  health.onUpdate(record({ outcome: 'succeeded' }))
  assert.equal(problem, undefined)
  health.onLooked(error)
  health.onLooked()
  assert.equal(problem, undefined)
})
