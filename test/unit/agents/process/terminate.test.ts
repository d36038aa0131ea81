import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { endProcesses } from '../../../../src/agents/process/strays.ts'
import { terminate } from '../../../../src/agents/process/terminate.ts'
import { identify, isAlive } from '../../../../src/platform/process-identity.ts'

test('a process that is slow to end gets SIGTERM only once, even from overlapping stops', async (t) => {
  const script = 'trap "echo term" TERM; echo ready; while :; do sleep 0.05; done'
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  await once(child.stdout, 'data')
  const identity = identify(child.pid!)!
  const ended = once(child, 'close')
  assert.ok(terminate(identity))
  // A sweep and the stop that caused the sweep end the same processes at the same time.
  await Promise.all([endProcesses([identity]), endProcesses([identity])])
  await ended
  assert.equal(said, 'ready\nterm\n')
  assert.ok(!isAlive(identity) && !terminate(identity))
})
