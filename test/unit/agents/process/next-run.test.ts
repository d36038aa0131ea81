import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import { nextRun } from '../../../../src/agents/process/next-run.ts'

const next = (snapshot: object, { run = {}, restart = {}, resumeTurns = false, commandId = '' } = {}) =>
  nextRun(
    {
      id: 'a',
      run: { run: 1, restarts: [], ...run },
      record: { spec: { restart } },
      snapshot,
    } as unknown as Agent,
    {
      commandId: commandId || undefined,
      program: '/bin/true',
      session: { id: 's', mode: 'resume' },
      stderrFrom: 0,
      at: '2026-01-01T00:00:00.000Z',
      resumeTurns,
    },
  )

const why = 'Its turn was interrupted: the machine went down.'
const interrupted = { interrupted: true, exit: { reason: 'rebooted' } }
const since = { turn_interrupted: why, exit: { reason: 'stopped' } }

test('the reason for an interrupted turn is reported until the next turn, even after restarts', () => {
  assert.equal(next(interrupted).turn_interrupted, why)
  assert.equal(next(since).turn_interrupted, why)
  assert.equal(next({ exit: { reason: 'stopped' } }).turn_interrupted, undefined)
})

test('an interrupted turn is not reported if the new run continues the turn or was started by a command', () => {
  const recall = { recall: { why: 'a restart' } }
  for (const snapshot of [interrupted, since]) {
    assert.equal(next(snapshot, { restart: { resume_turn: true } }).turn_interrupted, undefined)
    assert.equal(next(snapshot, { run: recall, resumeTurns: true }).turn_interrupted, undefined)
    assert.equal(next(snapshot, { commandId: 'c' }).turn_interrupted, undefined)
  }
  assert.equal(next(since, { run: recall }).turn_interrupted, why)
})
