import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  clearAfter,
  failedRecord,
  isUnderWay,
  newRecord,
  peekRecord,
  publicRecord,
  readRecord,
  resultOf,
  startPath,
  startsOf,
  startsPath,
  writeRecord,
} from '../../../src/update/record.ts'
import { NEW, OLD, recordOf, stagedUpdate } from '../../support/staged-update.ts'

const AT = '1970-01-01T00:00:05.000Z'
const crash = { code: 'update_crashed', message: 'It crashed.' } as const
const full = { code: 'update_disk_full', message: 'The disk is full.' } as const

test('the record of an update is stored on the disk, and only its owner can read it', (t) => {
  const { trial, stateDir } = stagedUpdate(t, 'prefix')
  assert.equal(readRecord(stateDir), undefined)
  const record = recordOf(trial)
  writeRecord(stateDir, record)
  assert.deepEqual(readRecord(stateDir), record)
  assert.equal(statSync(join(stateDir, 'update.json')).mode & 0o777, 0o600)
})

test('a daemon that reads a damaged record sets it aside, but other programs leave the record unchanged', (t) => {
  const { stateDir } = stagedUpdate(t, 'package')
  const path = join(stateDir, 'update.json')
  writeFileSync(path, '{"version":1,')
  assert.equal(peekRecord(stateDir), undefined)
  assert.ok(existsSync(path))
  assert.equal(readRecord(stateDir), undefined)
  assert.ok(!existsSync(path) && readdirSync(stateDir).some((name) => name.startsWith('update.json')))
})

test('an update is in progress from its trial until it is settled', (t) => {
  const { trial, stateDir } = stagedUpdate(t, 'package')
  const at = (record: ReturnType<typeof recordOf>) => {
    writeRecord(stateDir, record)
    return isUnderWay(stateDir)
  }
  assert.equal(at(recordOf(undefined)), false)
  assert.equal(at(recordOf(trial)), true)
  assert.equal(at(recordOf(trial, { outcome: 'failed' })), true)
  assert.equal(at(recordOf(trial, { outcome: 'failed', settled: true })), false)
})

test('a repeated attempt is counted, and a new update keeps only the handover and the failed versions of the last record', () => {
  const handover = { from: '/old', version: OLD, to: '/new' }
  const bad_versions = [{ version: '1.5.0', code: 'update_hung', at: AT }]
  const first = recordOf(undefined, { attempts: 2, handover, bad_versions })
  const now = { running: OLD, supervised: true, at: AT }
  const again = newRecord({ command_id: 'an-update', origin: 'server', requested: 'latest' }, now, first)
  assert.deepEqual([again.attempts, again.started_at], [3, first.started_at])
  const other = newRecord({ command_id: 'another', origin: 'local', requested: '3.0.0' }, now, first)
  assert.deepEqual([other.attempts, other.started_at, other.to, other.trial], [1, AT, undefined, undefined])
  assert.deepEqual([other.handover, other.bad_versions], [handover, bad_versions])
  assert.equal(other.restart_strategy, 'supervisor_required')
})

test('a version is recorded as bad only for its own faults and only once, and only the latest 20 versions are kept', () => {
  const failed = failedRecord(recordOf(undefined), crash, AT)
  assert.deepEqual(failed.bad_versions, [{ version: NEW, code: 'update_crashed', at: AT }])
  assert.equal(failed.error?.message, `It crashed. ${OLD} still runs.`)
  assert.deepEqual([failed.outcome, failed.finished_at, failed.settled], ['failed', AT, false])
  assert.deepEqual(failedRecord(recordOf(undefined), full, AT).bad_versions, [])
  const { to: _, ...unresolved } = recordOf(undefined)
  assert.deepEqual(failedRecord(unresolved, crash, AT).bad_versions, [])
  const known = Array.from({ length: 20 }, (_, n) => ({ version: `0.${n}.0`, code: 'x', at: AT }))
  const more = failedRecord(recordOf(undefined, { bad_versions: known }), crash, AT).bad_versions
  assert.deepEqual([more.length, more[0]?.version, more.at(-1)?.version], [20, '0.1.0', NEW])
  assert.equal(failedRecord({ ...failed, bad_versions: more }, crash, AT).bad_versions.length, 20)
})

test('a failed update keeps a handover, unless the handover’s program is in a prefix that is removed again', (t) => {
  const { trial } = stagedUpdate(t, 'prefix')
  const handover = { from: '/old', version: OLD, to: trial.entry }
  assert.deepEqual(failedRecord(recordOf(trial, { handover }), crash, AT).handover, handover)
  const { restore: _, ...first } = trial
  assert.equal(failedRecord(recordOf(first, { handover }), crash, AT).handover, undefined)
})

test('a finished update leaves neither a key nor the files of its trial', (t) => {
  const { trial, stateDir } = stagedUpdate(t, 'package')
  // Versions up to 0.1.0 wrote the record in this form.
  const record = recordOf({ ...trial, args: ['up', '--key', 'secret'] }, { outcome: 'succeeded' })
  writeRecord(stateDir, record)
  for (const path of [startPath(stateDir), startsPath(stateDir)]) writeFileSync(path, '..')
  assert.equal(startsOf(stateDir), 2)
  assert.deepEqual(readRecord(stateDir)?.trial?.args, ['up', '--key', 'secret'])
  clearAfter(stateDir, { ...record, settled: true })
  assert.doesNotMatch(readFileSync(join(stateDir, 'update.json'), 'utf8'), /secret/)
  assert.deepEqual(
    [startPath(stateDir), startsPath(stateDir)].map((path) => existsSync(path)),
    [false, false],
  )
  assert.equal(startsOf(stateDir), 0)
})

test('servers see neither the trial nor the format of a record', (t) => {
  const { trial } = stagedUpdate(t, 'package')
  assert.deepEqual(
    Object.keys(recordOf(trial)).filter((key) => !(key in publicRecord(recordOf(trial)))),
    ['version', 'trial'],
  )
})

test('the result of an update has its versions and its duration', () => {
  const record = recordOf(undefined, { mode: 'global', path: '/bin/x', finished_at: AT })
  assert.deepEqual(resultOf(record), {
    mode: 'global',
    restart_strategy: 'self',
    from_version: OLD,
    to_version: NEW,
    path: '/bin/x',
    duration_ms: 5000,
  })
})
