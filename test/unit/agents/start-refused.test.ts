import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import { agentFolder } from '../../../src/agents/disk/folder.ts'
import { explainEnd } from '../../../src/agents/disk/stderr-tail.ts'
import { decode } from '../../../src/agents/runtimes/claude/decode.ts'
import { claude } from '../../../src/agents/runtimes/claude/index.ts'
import { emptySnapshot, reduce } from '../../../src/agents/state/reduce.ts'
import type { Event } from '../../../src/protocol/index.ts'
import { tempDir } from '../../support/temp.ts'

/** Returns the failure that is reported for an agent with this result and this stderr. */
function failure(t: TestContext, result: object, stderr = '') {
  const folder = agentFolder(tempDir(t))
  writeFileSync(folder.stderr, stderr)
  const lines = [{ type: 'result', subtype: 'error_during_execution', is_error: true, ...result }].flatMap(
    (line) => decode(JSON.stringify(line)),
  )
  const snapshot = emptySnapshot('0')
  const events = [{ kind: 'process_started', run: 1 }, ...lines, { kind: 'process_exited', run: 1, code: 1 }]
  for (const event of events) reduce(snapshot, event as Event, 'i', '0')
  explainEnd(snapshot, { folder, runtime: claude, run: { program: '/c' } } as unknown as Agent)
  assert.equal(snapshot.state, 'failed')
  return snapshot.failure
}

test('the reason that Claude Code gives for a failed start takes precedence over its stderr', (t) => {
  const asRoot = failure(
    t,
    { errors: ['Refused.'], startup_failure_reason: 'bypass_root' },
    'a wrapper speaks\n',
  )
  assert.match(asRoot?.message ?? '', /bypassPermissions as root/)
  const folder = { errors: ['The folder is gone.'], startup_failure_reason: 'cwd_unavailable' }
  const gone = failure(t, folder, 'a wrapper speaks\n')
  assert.equal(gone?.message, 'The folder is gone.')
  assert.match(gone?.remedy ?? '', /in a folder that exists/)
})

test('an unknown reason for a failed start is appended to the message, or to a default message', (t) => {
  const reason = { startup_failure_reason: 'moon_phase' }
  assert.deepEqual(failure(t, { ...reason, errors: ['Not tonight.'] }), {
    code: 'start_failed',
    message: 'Not tonight. (moon_phase)',
  })
  assert.equal(failure(t, reason, 'error: no moon\n')?.message, 'no moon (moon_phase)')
  assert.match(failure(t, reason)?.message ?? '', /ended before it was ready \(moon_phase\)/)
  assert.equal(failure(t, { startup_failure_reason: 'toString', errors: ['x'] })?.message, 'x (toString)')
})

test('a failed start without a reason is explained by stderr, or by the result if stderr is empty', (t) => {
  assert.equal(failure(t, { errors: ['said'] }, 'written\n')?.message, 'written')
  assert.equal(failure(t, { errors: ['said'] })?.message, 'said')
})

test('an empty list of errors does not hide the text of the result', (t) => {
  assert.equal(failure(t, { errors: [], result: 'said' })?.message, 'said')
})
