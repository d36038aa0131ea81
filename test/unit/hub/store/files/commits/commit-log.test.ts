import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CommitLog } from '../../../../../../src/hub/store/files/commits/commit-log.ts'
import { recordsIn, tailOf } from '../../../../../../src/hub/store/files/commits/record.ts'
import { createLogger } from '../../../../../../src/platform/log.ts'
import { ManualClock } from '../../../../../support/manual-clock.ts'
import { tempDir } from '../../../../../support/temp.ts'
import { until } from '../../../../../support/wait.ts'
import { storeIn } from './store-in.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })
const MEBIBYTE = 1024 * 1024

/** A commit log whose journals can be made to fail. */
function logIn(t: TestContext) {
  const dir = join(tempDir(t), 'commits')
  mkdirSync(dir)
  const clock = new ManualClock()
  const state = { error: undefined as Error | undefined, synced: [] as string[] }
  const syncJournal = async (key: string) => {
    if (state.error) throw state.error
    state.synced.push(key)
  }
  const log = new CommitLog({ dir, syncJournal, clock, logger })
  const lines = Buffer.alloc(MEBIBYTE, 'x\n')
  /** Appends what fills a segment. */
  const fill = async (key: string) => {
    for (let n = 0; n < 32; n++) await log.append(key, { at: n, lines, before: tailOf(lines) })
  }
  const segments = () => readdirSync(dir)
  return { log, dir, clock, state, fill, segments }
}

const shortage = () => Object.assign(new Error('too many open files'), { code: 'EMFILE' })

test('a full segment is deleted once its journals are synced', async (t) => {
  const { log, state, fill, segments } = logIn(t)
  await fill('a')
  await until(() => segments().length === 0, { what: 'the deletion' })
  assert.deepEqual(state.synced, ['a'])
  await log.append('b', { at: 0, lines: Buffer.from('b\n'), before: { bytes: 0, crc: 0 } })
  assert.deepEqual(segments(), ['000000000002.log'])
  await log.close()
  assert.deepEqual(segments(), [])
})

test('journals are synced again after a shortage of file descriptors', async (t) => {
  const { log, clock, state, fill, segments } = logIn(t)
  state.error = shortage()
  await fill('a')
  assert.deepEqual([segments().length, log.isOpen], [1, true])
  state.error = undefined
  const isDeleted = () => {
    clock.pass(1000)
    return segments().length === 0
  }
  await until(isDeleted, { what: 'the deletion' })
  await log.close()
})

test('a removal that could not be written precedes the next record', async (t) => {
  const { log, dir } = logIn(t)
  const lines = Buffer.from('x\n')
  const append = () => log.append('a', { at: 0, lines, before: { bytes: 0, crc: 0 } })
  const isBlocked = append()
  log.remove('a')
  rmSync(dir, { recursive: true })
  writeFileSync(dir, 'no folder')
  await assert.rejects(isBlocked)
  rmSync(dir)
  mkdirSync(dir)
  await append()
  const [segment = ''] = readdirSync(dir)
  const records = [...recordsIn(readFileSync(join(dir, segment)))]
  assert.deepEqual(records, [
    { key: 'a', removed: true },
    { key: 'a', at: 0, lines, before: { bytes: 0, crc: 0 } },
  ])
  await log.close()
})

test('while two segments wait for their journals, journals are written alone', async (t) => {
  const { log, state, fill } = logIn(t)
  state.error = shortage()
  for (let n = 0; n < 2; n++) await fill('a')
  await until(() => !log.isOpen, { what: 'the second segment' })
  await log.close()
})

test('after a failed sync, all segments are kept, and journals are written alone', async (t) => {
  const { log, clock, state, fill, segments } = logIn(t)
  state.error = new Error('EIO')
  await fill('a')
  await fill('a')
  await until(() => !log.isOpen, { what: 'the distrust' })
  state.error = undefined
  clock.pass(60_000)
  await log.close()
  assert.deepEqual(segments(), ['000000000001.log', '000000000002.log'])
})

test('a hub that is closed leaves no commit log', async (t) => {
  const { store, begin, segments } = storeIn(t)
  await begin('a')
  assert.equal(segments().length, 1)
  await store.close()
  assert.deepEqual(segments(), [])
})

test('a commit log that cannot be written is reported, and loses nothing', async (t) => {
  const { store, commit, commitsDir, text } = storeIn(t)
  await commit('a', 0, 50)
  writeFileSync(commitsDir, 'no folder')
  const stored = commit('a', 50, 100)
  await until(() => store.problem, { what: 'the problem' })
  assert.equal(store.stateOf('a').have, 50)
  await stored
  assert.equal(text('a').trimEnd().split('\n').length, 2)
  assert.equal(store.problem, undefined)
})

test('activity is not written to a journal that another program has changed', async (t) => {
  for (const change of [
    (path: string) => writeFileSync(path, 'changed\n'),
    (path: string) => rmSync(path),
    (path: string) => writeFileSync(path, `${readFileSync(path, 'utf8')}more\n`),
  ]) {
    const { store, take, begin, clock, journal, text } = storeIn(t)
    await begin('a')
    change(journal('a'))
    clock.pass(1000)
    await take('a', 100, 150)
    const isReported = () => {
      clock.pass(10)
      return store.problem?.message.includes('Another program has changed or deleted')
    }
    await until(isReported, { what: 'the problem' })
    assert.equal(store.stateOf('a').have, 100)
    assert.doesNotMatch(
      existsAs(() => text('a')),
      /"to":150/,
    )
  }
})

const existsAs = (read: () => string) => {
  try {
    return read()
  } catch {
    return ''
  }
}

test('until the commit log is used, an earlier version of the hub finds everything in the journals', async (t) => {
  const { commit, commitsDir } = storeIn(t, { usesLog: false })
  await commit('a', 0, 50)
  await commit('a', 50, 100)
  assert.deepEqual(
    existsAs(() => readdirSync(commitsDir).join()),
    '',
  )
})

test('the lines of a removed agent leave the commit log soon, although the hub is idle', async (t) => {
  const { store, begin, clock, segments } = storeIn(t)
  await begin('removed', 'kept')
  store.forget('removed')
  const isDeleted = () => {
    clock.pass(1000)
    return segments().length === 0
  }
  await until(isDeleted, { what: 'the deletion' })
})
