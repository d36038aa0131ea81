import assert from 'node:assert/strict'
import { test } from 'node:test'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { rolloutText } from '../../../../src/cli/render/rollout.ts'
import type { HubRollout, RolloutMachine } from '../../../../src/protocol/index.ts'

const rolloutOf = (machines: Partial<RolloutMachine>[]): HubRollout => ({
  rollout_id: 'r',
  version: '2.0.0',
  groups: ['canary', 'rest'],
  max_unavailable: 1,
  soak_s: 0,
  halt_on: 1,
  offline_s: 300,
  allow_downgrade: false,
  created_at: '2026-01-01T00:00:00.000Z',
  state: 'running',
  wave: 0,
  counts: {},
  machines: machines.map((rest, n) => ({
    machine_id: `m${n}`,
    wave: 0,
    state: 'waiting',
    attempt: 0,
    ...rest,
  })),
  unavailable: 0,
})

const textOf = (machines: Partial<RolloutMachine>[]) => rolloutText(rolloutOf(machines), [], colors(false))

test('a rollout shows the failed turns once turns have ended on updated machines', () => {
  const text = (ended: number) => {
    const turns = { updated: { ended, failed: ended && 2 }, others: { ended: 9, failed: 1 } }
    return rolloutText({ ...rolloutOf([]), turns }, [], colors(false))
  }
  assert.match(text(7), /Failed turns: 2 of 7 with the update, 1 of 9 without\./)
  assert.doesNotMatch(text(0), /turns/)
})

test('a rollout that orders nothing at present says what it waits for', () => {
  const held = { not_before: '2026-01-02T00:00:00.000Z' }
  assert.match(textOf([held, { state: 'updated' }]), /Waits until machines permit the update: 1\./)
  assert.match(textOf([{ away: true }]), /Waits until a machine of the group canary connects\./)
  assert.doesNotMatch(textOf([held, { state: 'updating' }]), /Waits/)
  assert.doesNotMatch(textOf([{ ...held, wave: 1 }, { state: 'updated' }]), /Waits/)
})
