import assert from 'node:assert/strict'
import { test } from 'node:test'
import { phaseOf } from '../../../src/update/phase-of.ts'
import type { UpdateRecord } from '../../../src/update/record.ts'
import { type Phase, type Stimulus, step } from '../../../src/update/states.ts'
import type { World } from '../../../src/update/world.ts'
import { NEW, OLD, recordOf, stagedUpdate } from '../../support/staged-update.ts'

type Change = [Partial<UpdateRecord>, Partial<World>]

test('after each stimulus, the record and the disk match the phase in the table', (t) => {
  const { trial } = stagedUpdate(t, 'package')
  const failed: Change = [{ outcome: 'failed' }, {}]
  const changes: Record<Stimulus, Change> = {
    present: [{ outcome: 'succeeded' }, {}],
    switched: [{ trial, stage: 'switch' }, { hasStandIn: true }],
    started: [{}, { running: NEW, starts: 1 }],
    welcomed: [{}, { hasStandIn: false }],
    refused: failed,
    timed_out: failed,
    stopped: failed,
    guard_gave_up: [{ outcome: 'failed' }, { hasStandIn: false }],
    broken: failed,
    restored: [{}, { running: OLD, hasStandIn: false }],
  }
  const check = (record: UpdateRecord, world: World, phase: Phase, way: Stimulus[]) => {
    assert.equal(phaseOf(record, world), phase, way.join(', '))
    for (const [stimulus, [written, found]] of Object.entries(changes) as [Stimulus, Change][]) {
      const next = step(phase, stimulus)
      if (next === phase) continue
      check({ ...record, ...written }, { ...world, ...found }, next, [...way, stimulus])
    }
  }
  const begun = recordOf(undefined, { stage: 'prove' })
  check(begun, { running: OLD, hasStandIn: false, starts: 0 }, 'fetching', [])
})
