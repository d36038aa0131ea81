import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { copyPackage } from '../../../../src/update/switch/copy-package.ts'
import { currentVersion } from '../../../../src/update/switch/paths.ts'
import { hasStandIn, keepNext, putBack, putStandIn } from '../../../../src/update/switch/place.ts'
import { tidy, tidyBack } from '../../../../src/update/switch/tidy.ts'
import { standIn } from '../../../../src/update/switch/trial.ts'
import { LAYOUTS, NEW, OLD, stagedUpdate } from '../../../support/staged-update.ts'

for (const layout of LAYOUTS)
  describe(`the place of a program in a ${layout}`, () => {
    test('the place of a program contains the stand-in during the trial, then the new version', (t) => {
      const { trial, stateDir, installed } = stagedUpdate(t, layout)
      assert.equal(hasStandIn(trial), false)
      putStandIn(trial, standIn(trial, stateDir, false))
      assert.deepEqual([installed(), hasStandIn(trial)], ['stand-in', true])
      assert.equal(hasStandIn({ ...trial, id: 'another' }), false)
      keepNext(trial)
      assert.deepEqual([installed(), hasStandIn(trial)], [NEW, false])
    })

    test('the place of a program contains the previous version again after a rollback, even if the rollback is repeated', (t) => {
      const { trial, stateDir, installed } = stagedUpdate(t, layout)
      putStandIn(trial, standIn(trial, stateDir, false))
      putBack(trial)
      putBack(trial)
      assert.deepEqual([installed(), hasStandIn(trial)], [OLD, false])
      tidyBack(trial)
      assert.equal(installed(), OLD)
      assert.equal(existsSync(trial.next), false)
    })

    test('the place of a program contains all files of the new version after the cleanup', (t) => {
      const { trial, installed } = stagedUpdate(t, layout)
      keepNext(trial)
      tidy(trial)
      assert.equal(installed(), NEW)
      const folder = layout === 'package' ? trial.root : join(trial.root, 'current')
      assert.equal(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version, NEW)
      assert.ok(existsSync(trial.previous))
    })
  })

test('the chunks of a version are in the package from its trial on, and are removed by a rollback', (t) => {
  const { trial, stateDir } = stagedUpdate(t, 'package')
  const chunks = 'dist/program/0123456789abcdef'
  mkdirSync(join(trial.next, chunks), { recursive: true })
  writeFileSync(join(trial.next, chunks, 'main.js'), '')
  putStandIn(trial, standIn(trial, stateDir, false))
  assert.deepEqual(readdirSync(join(trial.root, chunks)), ['main.js'])
  putBack(trial)
  tidyBack(trial)
  assert.deepEqual(readdirSync(join(trial.root, 'dist/program')), [])
})

test('putting a new version in its place again after a crash leaves no other file behind', (t) => {
  const { trial } = stagedUpdate(t, 'package')
  const chunks = 'dist/program/0123456789abcdef'
  mkdirSync(join(trial.next, chunks), { recursive: true })
  writeFileSync(join(trial.next, chunks, 'main.js'), '')
  keepNext(trial)
  keepNext(trial)
  assert.deepEqual(readdirSync(join(trial.root, chunks)), ['main.js'])
})

test('a prefix that an update used for the first time has no version after a rollback', (t) => {
  const { trial: whole, stateDir } = stagedUpdate(t, 'prefix')
  const { restore: _, ...trial } = whole
  putStandIn(trial, standIn(trial, stateDir, false))
  putBack(trial)
  assert.equal(currentVersion(trial.root), undefined)
  assert.equal(existsSync(trial.entry), false)
})

test('tidying a prefix keeps both versions of the update and recent versions, and removes old versions', (t) => {
  const { trial } = stagedUpdate(t, 'prefix')
  const versions = join(trial.root, 'versions')
  for (const name of ['0.8.0', '0.9.0', '.trial-0.9.0', 'notes']) mkdirSync(join(versions, name))
  for (const name of ['0.8.0', '.trial-0.9.0', 'notes', OLD, NEW]) utimesSync(join(versions, name), 1, 1)
  keepNext(trial)
  tidy(trial)
  const kept = ['0.8.0', '0.9.0', '.trial-0.9.0', 'notes', OLD, NEW].filter((name) =>
    existsSync(join(versions, name)),
  )
  assert.deepEqual(kept, ['0.9.0', 'notes', OLD, NEW])
})

test('the copy of a package has all files of the package, except the folder of staged updates', (t) => {
  const { trial } = stagedUpdate(t, 'package')
  const copy = copyPackage(trial.root, OLD)
  assert.equal(readFileSync(join(copy, trial.program), 'utf8'), readFileSync(trial.previous, 'utf8'))
  assert.ok(existsSync(join(copy, 'package.json')))
  assert.equal(existsSync(join(copy, '.update')), false)
})

test('the copy of a package is complete even if an update to the package’s version was interrupted before', (t) => {
  const { trial } = stagedUpdate(t, 'package')
  const chunks = 'dist/program/0123456789abcdef'
  const staged = join(trial.root, '.update', OLD)
  mkdirSync(join(staged, chunks), { recursive: true })
  writeFileSync(join(staged, chunks, 'main.js'), 'chunk')
  writeFileSync(join(staged, 'package.json'), 'other')
  const copy = copyPackage(trial.root, OLD)
  assert.equal(readFileSync(join(copy, chunks, 'main.js'), 'utf8'), 'chunk')
  assert.notEqual(readFileSync(join(copy, 'package.json'), 'utf8'), 'other')
})
