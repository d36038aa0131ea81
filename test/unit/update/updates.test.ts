import assert from 'node:assert/strict'
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { updateConfig } from '../../../src/config/update-config.ts'
import type { CommandResult, Refuse } from '../../../src/protocol/index.ts'
import { UpdateFailure } from '../../../src/update/failure.ts'
import {
  readRecord,
  startPath,
  startsPath,
  type UpdateRecord,
  writeRecord,
} from '../../../src/update/record.ts'
import { hasStandIn, keepNext, putBack, putStandIn } from '../../../src/update/switch/place.ts'
import { standIn } from '../../../src/update/switch/trial.ts'
import { Updates } from '../../../src/update/updates.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryLog } from '../../support/memory-log.ts'
import { LAYOUTS, NEW, OLD, recordOf, stagedUpdate } from '../../support/staged-update.ts'
import type { Cleanup } from '../../support/temp.ts'

const refusal: Refuse = { type: 'server:refuse', code: 'invalid_key', message: 'no', retry_after_s: 60 }

/** An update whose stand-in is in place, and daemons of both versions that continue the update. */
function switched(t: Cleanup, layout: (typeof LAYOUTS)[number], changed: Partial<UpdateRecord> = {}) {
  const update = stagedUpdate(t, layout)
  const { trial, stateDir } = update
  putStandIn(trial, standIn(trial, stateDir, false))
  writeFileSync(startPath(stateDir), '')
  writeRecord(stateDir, recordOf(trial, changed))
  const clock = new ManualClock()
  const restarts: string[] = []
  const results: CommandResult[] = []
  const stages: string[] = []
  const daemon = (running: string) => {
    const updates = new Updates({
      stateDir,
      running,
      policy: updateConfig({ flags: {}, env: {}, file: undefined }),
      orders: { isSignatureRequired: () => false, check: () => {} },
      started: { runner: [process.execPath], argv: [trial.entry], env: {} },
      supervised: false,
      clock,
      logger: memoryLog().logger,
      onProgress: (_, stage) => void stages.push(stage),
      onChange: () => {},
      onSettled: (result) => void results.push(result),
      restart: (entry) => void restarts.push(entry),
    })
    updates.takeUp()
    return updates
  }
  /** Starts the next version in the same way as the stand-in. */
  const onTrial = () => {
    appendFileSync(startsPath(stateDir), '.')
    return daemon(NEW)
  }
  const outcome = () => {
    const { outcome: recorded, settled, error } = readRecord(stateDir)!
    return [recorded, settled, error?.code]
  }
  return { ...update, clock, restarts, results, stages, daemon, onTrial, outcome }
}

for (const layout of LAYOUTS)
  describe(`an update in a ${layout}`, () => {
    test('an update succeeds when the server welcomes the version on trial', (t) => {
      const { trial, stateDir, installed, stages, results, restarts, clock, onTrial, outcome } = switched(
        t,
        layout,
      )
      const updates = onTrial()
      assert.deepEqual([stages, results, installed()], [['confirm'], [], 'stand-in'])
      updates.onRefused({ ...refusal, code: 'busy' })
      updates.onWelcomed()
      assert.deepEqual([installed(), ...outcome()], [NEW, 'succeeded', true, undefined])
      assert.deepEqual(
        results.map(({ command_id, ok }) => [command_id, ok]),
        [['an-update', true]],
      )
      // The time limit of the trial does not apply anymore.
      clock.pass(trial.confirm_ms)
      assert.deepEqual([installed(), restarts], [NEW, []])
      assert.deepEqual([existsSync(startPath(stateDir)), existsSync(startsPath(stateDir))], [false, false])
    })

    test('an update is undone by a refusal of the server, and the previous version reports the refusal', (t) => {
      const { trial, installed, results, restarts, daemon, onTrial, outcome } = switched(t, layout)
      onTrial().onRefused(refusal)
      assert.deepEqual([installed(), restarts], [OLD, [trial.previous_entry]])
      assert.deepEqual([...outcome(), results], ['failed', false, 'update_not_accepted', []])
      daemon(OLD)
      assert.deepEqual([...outcome(), existsSync(trial.next)], ['failed', true, 'update_not_accepted', false])
      const [result] = results
      assert.ok(result && !result.ok && results.length === 1)
      assert.equal(result.error.message, `The server refused version ${NEW}: no ${OLD} still runs.`)
    })

    test('an update is undone at its time limit', (t) => {
      const { trial, clock, installed, restarts, onTrial, outcome } = switched(t, layout)
      const updates = onTrial()
      clock.pass(trial.confirm_ms - 1)
      assert.deepEqual([installed(), restarts], ['stand-in', []])
      clock.pass(1)
      assert.deepEqual([installed(), restarts], [OLD, [trial.previous_entry]])
      // The welcome comes too late.
      updates.onWelcomed()
      assert.deepEqual([installed(), ...outcome()], [OLD, 'failed', false, 'update_not_accepted'])
    })

    test('an update is undone by a stop of the version on trial, and no other daemon is started', (t) => {
      const { installed, restarts, onTrial, outcome } = switched(t, layout)
      onTrial().onStopped()
      assert.deepEqual([installed(), restarts], [OLD, []])
      assert.deepEqual(outcome(), ['failed', false, 'update_interrupted'])
    })

    test('an update is undone if the guard has restored the previous version before the welcome', (t) => {
      const { trial, installed, restarts, results, onTrial } = switched(t, layout)
      const updates = onTrial()
      putBack(trial)
      updates.onWelcomed()
      assert.deepEqual([installed(), restarts, results], [OLD, [trial.previous_entry], []])
    })

    test('an update is undone if the guard gave up the new version while that version was starting', (t) => {
      const { trial, installed, restarts, onTrial } = switched(t, layout, { outcome: 'failed' })
      onTrial()
      assert.deepEqual([installed(), restarts], [OLD, [trial.previous_entry]])
    })

    test('if the previous version starts, the update counts as crashed if the new version had started, and otherwise as interrupted', (t) => {
      for (const [starts, code] of [
        [0, 'update_interrupted'],
        [1, 'update_crashed'],
      ] as const) {
        const { installed, results, stateDir, daemon, outcome } = switched(t, layout)
        writeFileSync(startsPath(stateDir), '.'.repeat(starts))
        daemon(OLD)
        assert.deepEqual([installed(), ...outcome()], [OLD, 'failed', true, code])
        assert.equal(results.length, 1)
      }
    })

    test('the next daemon undoes an update if a failure was recorded, but the stand-in is still in place', (t) => {
      const { trial, installed, daemon, outcome } = switched(t, layout, { outcome: 'failed' })
      assert.ok(hasStandIn(trial))
      daemon(OLD)
      assert.deepEqual([installed(), ...outcome().slice(0, 2)], [OLD, 'failed', true])
    })

    test('the next daemon confirms an update if the new version was installed, but the success was not recorded', (t) => {
      const { trial, installed, results, daemon, outcome } = switched(t, layout)
      keepNext(trial)
      daemon(NEW)
      assert.deepEqual([installed(), ...outcome()], [NEW, 'succeeded', true, undefined])
      assert.equal(results.length, 1)
    })
  })

test('a repeated command during a trial is answered later, and a different update command is refused', async (t) => {
  const { onTrial } = switched(t, 'package')
  const updates = onTrial()
  const order = { requested: 'latest', allow_downgrade: false, origin: 'server' as const }
  assert.equal(await updates.run({ ...order, command_id: 'an-update' }), undefined)
  await assert.rejects(
    updates.run({ ...order, command_id: 'another' }),
    (error) => error instanceof UpdateFailure && error.code === 'update_running',
  )
  updates.onWelcomed()
  const result = await updates.run({ ...order, command_id: 'an-update' })
  assert.deepEqual([result?.from_version, result?.to_version], [OLD, NEW])
})

test('an ordered update that has changed nothing so far waits for a repetition of the command, at most three times', (t) => {
  const { stateDir, trial, daemon, results, outcome } = switched(t, 'package')
  putBack(trial)
  const fetching = (attempts: number) =>
    writeRecord(stateDir, recordOf(undefined, { stage: 'download', attempts }))
  fetching(2)
  daemon(OLD)
  assert.deepEqual([...outcome(), results], [undefined, false, undefined, []])
  fetching(3)
  daemon(OLD)
  assert.deepEqual([...outcome(), results.length], ['failed', true, 'update_interrupted', 1])
})
