import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Action, nextStep } from '../../../src/update/next-step.ts'
import { phaseOf } from '../../../src/update/phase-of.ts'
import type { Trial, UpdateRecord } from '../../../src/update/record.ts'
import type { World } from '../../../src/update/world.ts'

const OLD = '1.0.0'
const NEW = '2.0.0'
const trial: Trial = {
  id: 'a-trial',
  layout: 'package',
  root: '/installed',
  program: 'program.js',
  next: '/installed/.update/2.0.0',
  previous: '/installed/.update/previous/program.js',
  entry: '/installed/program.js',
  previous_entry: '/installed/program.js',
  args: [],
  confirm_ms: 1000,
}
const stages = ['resolve', 'download', 'verify', 'stage', 'prove', 'switch', 'relaunch', 'confirm'] as const
const origins = ['server', 'local', 'refusal', 'schedule'] as const

interface Situation {
  record: UpdateRecord
  world: World
}

/**
 * Yields every situation: a record, the running version, the number of starts, and the stand-in. Leaves out
 * values that make no difference. A stand-in counts only if its trial is recorded.
 */
function* situations(): Generator<Situation> {
  for (const settled of [false, true])
    for (const outcome of [undefined, 'succeeded', 'failed'] as const)
      for (const planned of [undefined, trial])
        for (const stage of stages)
          for (const origin of origins)
            for (const attempts of [1, 2, 3, 4])
              for (const to of [undefined, OLD, NEW])
                for (const running of [OLD, NEW])
                  for (const starts of [0, 1, 2, 3])
                    for (const hasStandIn of planned ? [false, true] : [false])
                      yield {
                        record: {
                          version: 1,
                          command_id: 'an-update',
                          origin,
                          requested: 'latest',
                          from: OLD,
                          stage,
                          attempts,
                          started_at: '2026-01-01T00:00:00Z',
                          restart_strategy: 'self',
                          settled,
                          bad_versions: [],
                          ...(outcome && { outcome }),
                          ...(planned && { trial: planned }),
                          ...(to !== undefined && { to }),
                        },
                        world: { running, hasStandIn, starts },
                      }
}

/** Checks a statement in every situation to which it applies. There must be at least one such situation. */
function always(
  applies: (situation: Situation) => unknown,
  holds: (action: Action, situation: Situation) => unknown,
) {
  let checked = 0
  for (const situation of situations()) {
    if (!applies(situation)) continue
    checked++
    const action = nextStep(situation.record, situation.world)
    assert.ok(holds(action, situation), `${action}: ${JSON.stringify(situation)}`)
  }
  assert.ok(checked > 0)
}

const isNext = ({ record, world }: Situation) => world.running === record.to
const isGivenUp = ({ record }: Situation) => record.outcome === 'failed' && record.trial !== undefined
const isSwitched = ({ record }: Situation) => record.stage === 'relaunch' || record.stage === 'confirm'
const fails = (action: Action) => action === 'fail_interrupted' || action === 'fail_crashed'

describe('the next step of a daemon that finds the record of an update', () => {
  test('a daemon only cleans up after a settled update', () => {
    always(
      ({ record }) => record.settled,
      (action) => action === 'clear',
    )
    always(
      ({ record }) => !record.settled,
      (action) => action !== 'clear',
    )
  })

  test('a daemon keeps the recorded outcome of an update', () =>
    always(
      ({ record }) => record.outcome && !record.settled,
      (action) => ['settle', 'go_back', 'finish_reverting'].includes(action),
    ))

  test('a daemon goes back from its version if, and only if, the version was given up', () =>
    always(
      ({ record }) => !record.settled,
      (action, situation) => (action === 'go_back') === (isGivenUp(situation) && isNext(situation)),
    ))

  test('a daemon removes the stand-in of a failed update', () =>
    always(
      (situation) => !situation.record.settled && isGivenUp(situation) && situation.world.hasStandIn,
      (action) => action === 'go_back' || action === 'finish_reverting',
    ))

  test('a daemon is on trial only if it has the new version and was started by the stand-in', () =>
    always(
      ({ record }) => !record.settled && !record.outcome,
      (action, situation) => (action === 'try') === (situation.world.hasStandIn && isNext(situation)),
    ))

  test('a daemon reports a success only if it has the new version and there is no stand-in', () =>
    always(
      (situation) => nextStep(situation.record, situation.world) === 'succeed',
      (_, situation) =>
        isNext(situation) &&
        !situation.world.hasStandIn &&
        (situation.record.trial !== undefined || isSwitched(situation)),
    ))

  test('the previous version ends a trial as crashed if the new version was started, and otherwise as interrupted', () =>
    always(
      (situation) =>
        !situation.record.settled &&
        !situation.record.outcome &&
        situation.world.hasStandIn &&
        !isNext(situation),
      (action, { world }) => action === (world.starts > 0 ? 'fail_crashed' : 'fail_interrupted'),
    ))

  test('a daemon without a stand-in after the restart concludes that the guard has rolled back the update', () =>
    always(
      (situation) => {
        const { settled, outcome, trial: planned } = situation.record
        const undone = planned && !situation.world.hasStandIn && isSwitched(situation)
        return !settled && !outcome && undone && !isNext(situation)
      },
      (action) => action === 'fail_crashed',
    ))

  test('a daemon waits for a repetition of the command only while nothing has changed, for at most three attempts', () =>
    always(
      ({ record }) => !record.settled && !record.outcome,
      (action, situation) => {
        const { record, world } = situation
        const changed = world.hasStandIn || isSwitched(situation) || (record.trial && isNext(situation))
        const repeats = !changed && record.origin === 'server' && record.attempts < 3
        return (action === 'wait') === repeats && (changed || repeats || fails(action))
      },
    ))

  test('a daemon finds each update in exactly one phase, which matches the recorded outcome', () => {
    for (const { record, world } of situations()) {
      const phase = phaseOf(record, world)
      if (record.outcome === 'succeeded') assert.equal(phase, 'confirmed')
      else if (record.outcome === 'failed') assert.match(phase, /^(failed|reverting|reverted)$/)
      else assert.match(phase, /^(fetching|staged|on_trial|confirmed|reverted)$/)
    }
  })
})
