import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { startPath, startsOf, startsPath } from '../../../../src/update/record.ts'
import { putStandIn } from '../../../../src/update/switch/place.ts'
import { standIn, standInAt, startText } from '../../../../src/update/switch/trial.ts'
import { NEW, OLD, type StagedUpdate, stagedUpdate } from '../../../support/staged-update.ts'
import { tempDir } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

const ENV = { PATH: process.env.PATH, HOME: '/nowhere' }
const ARGS = ['up', '--key', 'secret']

/** Makes each program of an update directly executable, like a program that includes Node. */
function asExecutables({ trial }: StagedUpdate) {
  for (const path of [trial.previous, join(trial.next, trial.program)]) {
    writeFileSync(path, `#!${process.execPath}\n${readFileSync(path, 'utf8')}`)
    chmodSync(path, 0o755)
  }
}

/** Returns a function that starts the installed program and returns the version that ran. */
function starter(update: StagedUpdate, executable: boolean) {
  const { trial, stateDir } = update
  if (executable) asExecutables(update)
  putStandIn(trial, standIn(trial, stateDir, executable))
  writeFileSync(startPath(stateDir), startText(ARGS, ENV))
  const runs = (version: string) => {
    const program = version === OLD ? trial.previous : join(trial.next, trial.program)
    const path = join(dirname(program), 'runs')
    return existsSync(path)
      ? readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []
  }
  const start = (args: string[], env: NodeJS.ProcessEnv = ENV) => {
    const before = runs(NEW).length
    const [file, ...rest] = executable ? [trial.entry] : [process.execPath, trial.entry]
    const run = spawnSync(file!, [...rest, ...args], { env, encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    return runs(NEW).length > before ? NEW : OLD
  }
  const guards = () => runs(OLD).filter(([, command]) => command === 'update-guard')
  return { start, guards }
}

for (const executable of [false, true])
  describe(`the stand-in for ${executable ? 'an executable' : 'a Node program'}`, () => {
    test('the stand-in runs the next version twice under the guard of the previous version, and then runs the previous version', async (t) => {
      const update = stagedUpdate(t, 'package')
      const { start, guards } = starter(update, executable)
      assert.deepEqual([start(ARGS), start(ARGS), start(ARGS)], [NEW, NEW, OLD])
      assert.equal(startsOf(update.stateDir), 3)
      await until(() => guards().length === 2, { what: 'both guards' })
      const [, , flag, dir] = guards()[0]
      assert.deepEqual([flag, dir], ['--state-dir', update.stateDir])
    })

    test('the stand-in runs the previous version for every other command and every other daemon', (t) => {
      const update = stagedUpdate(t, 'package')
      const { start } = starter(update, executable)
      const another = { ...ENV, FOMULAR_STATE_DIR: '/elsewhere' }
      assert.deepEqual(
        [start(['--version']), start([...ARGS, '--verbose']), start(ARGS, another), start([])],
        [OLD, OLD, OLD, OLD],
      )
      assert.equal(startsOf(update.stateDir), 0)
      rmSync(startPath(update.stateDir))
      assert.equal(start(ARGS), OLD)
    })

    test('the stand-in runs the previous version if the stand-in cannot count its starts', (t) => {
      const update = stagedUpdate(t, 'package')
      const { start } = starter(update, executable)
      mkdirSync(startsPath(update.stateDir))
      assert.equal(start(ARGS), OLD)
    })

    test('the text of a stand-in names the trial and the previous version', (t) => {
      const update = stagedUpdate(t, 'prefix')
      const { trial } = update
      starter(update, executable)
      const { since, ...facts } = standInAt(trial.entry)!
      assert.deepEqual(facts, { id: trial.id, previous: trial.previous, restore: OLD })
      assert.ok(since > 0)
    })
  })

test('no other file is recognized as a stand-in', (t) => {
  const path = join(tempDir(t), 'program')
  assert.equal(standInAt(path), undefined)
  for (const text of [
    '',
    '#!/bin/sh\necho On trial: {}\n',
    '#!/bin/sh\n# On trial: {}\n',
    '#!/bin/sh\n# On trial: {"id":\n',
    '# On trial: {"id":"a","since":1,"previous":"/p"}\n',
  ]) {
    writeFileSync(path, text)
    assert.equal(standInAt(path), undefined, text)
  }
})

test('the text that identifies a start does not contain a key', () => {
  const text = startText(['up', '--key', 'secret', '--key=secret', '--port', '1'], { HOME: '/home/a' })
  assert.doesNotMatch(text, /secret/)
  assert.match(text, /^HOME=\/home\/a\nFOMULAR_STATE_DIR=\n/)
})
