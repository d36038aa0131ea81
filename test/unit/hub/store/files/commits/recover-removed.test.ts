import assert from 'node:assert/strict'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { storeIn } from './store-in.ts'

test('the journal of a removed agent is not restored', async (t) => {
  const { dir, store, begin, recover, segments } = storeIn(t)
  await begin('removed', 'kept')
  store.forget('removed')
  await recover()
  assert.deepEqual(
    readdirSync(dir).filter((name) => !name.startsWith('.removed-')),
    ['kept'],
  )
  assert.deepEqual(segments(), [])
})

test('the lines of a removed agent do not reach a new agent with the same id', async (t) => {
  const { store, begin, commit, journal, text, recover, segments } = storeIn(t)
  await begin('a')
  store.forget('a')
  await commit('a', 0, 70)
  await commit('a', 70, 90)
  const lines = text('a')
  truncateSync(journal('a'), lines.length - 30)
  await recover()
  assert.equal(text('a'), lines)
  assert.deepEqual(segments(), [])
})

test('an agent that is removed while its lines wait for the disk leaves no lines to its successor', async (t) => {
  const { store, clock, take, commit, journal, text, recover, segments } = storeIn(t)
  await commit('a', 0, 50)
  await take('a', 50, 100)
  clock.pass(10)
  store.forget('a')
  await commit('a', 0, 50)
  await commit('a', 50, 90)
  const lines = text('a')
  truncateSync(journal('a'), lines.length - 30)
  await recover()
  assert.equal(text('a'), lines)
  assert.deepEqual(segments(), [])
})

test('lines of a removed agent do not reach its successor, even if the removal is in a later segment', async (t) => {
  const { store, begin, commit, text, recover, segment, segments } = storeIn(t)
  await begin('a')
  const first = readFileSync(segment())
  store.forget('a')
  await commit('other', 0, 50)
  await commit('other', 50, 100)
  // The successor begins with the same line.
  await commit('a', 0, 50)
  const all = readFileSync(segment())
  writeFileSync(segment(), first)
  writeFileSync(segment().replace(/1\.log$/, '2.log'), all.subarray(first.length))
  const lines = text('a')
  await recover()
  assert.equal(text('a'), lines)
  assert.deepEqual(segments(), [])
})
