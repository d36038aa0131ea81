import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Change, ChangeFeed } from '../../../../src/hub/registry/change-feed.ts'
import { ChangeLog } from '../../../../src/hub/registry/change-log.ts'

function logOf() {
  const feed = new ChangeFeed()
  const log = new ChangeLog(feed)
  /** Returns the keys of the agents and the ids of the machines that have changed after a revision. */
  const after = (revision: number) =>
    [...log.after(revision)].map(({ change }) => ('key' in change ? change.key : change.machine_id))
  return { log, after, publish: (change: Change) => feed.publish(change) }
}

const agent = (key: string): Change => ({ kind: 'agent', key })
const machine = (machine_id: string): Change => ({ kind: 'machine', machine_id })
const removed = (key: string, shown = true): Change => ({
  kind: 'agent_removed',
  key,
  machine_id: 'm',
  agent_id: key,
  shown,
})

test('the log contains the latest change of each machine and agent, in order', () => {
  const { log, after, publish } = logOf()
  for (const change of [machine('m'), agent('a'), agent('b'), agent('a')]) publish(change)
  assert.deepEqual(after(0), ['m', 'b', 'a'])
  const { revision } = log
  assert.deepEqual(after(revision), [])
  publish(agent('b'))
  log.onActivity()
  assert.deepEqual(after(revision), ['b'])
})

test('an agent that moves between machines is removed from one machine before it appears on the other', () => {
  const { log, publish } = logOf()
  for (const change of [agent('a'), removed('a'), agent('a')]) publish(change)
  assert.deepEqual(
    [...log.after(0)].map(({ change }) => change.kind),
    ['agent_removed', 'agent'],
  )
})

test('the removal of an agent that no client has seen is a new revision, but not in the log', () => {
  const { log, after, publish } = logOf()
  publish(removed('a', false))
  assert.equal(log.revision, 1)
  assert.deepEqual(after(0), [])
})

test('the log reports that it lacks a removal after an old revision', () => {
  const { log, after, publish } = logOf()
  publish(agent('kept'))
  const { revision } = log
  for (let n = 0; n < 10_000; n++) publish(removed(`a${n}`))
  publish({ kind: 'machine_removed', machine_id: 'm' })
  assert.equal(log.reaches(revision), true, 'a machine with the maximum number of agents')
  publish(removed('last'))
  assert.equal(log.reaches(revision), false)
  assert.equal(log.reaches(revision + 1), true)
  assert.equal(log.reaches(log.revision + 1), false, 'a revision of the future')
  assert.deepEqual(after(0).slice(0, 2), ['kept', 'a1'])
})

test('the log has one entry for each agent, however often the agents change', () => {
  const { log, after, publish } = logOf()
  for (let n = 0; n < 100_000; n++) publish(agent(`a${n % 3}`))
  assert.deepEqual(after(0), ['a1', 'a2', 'a0'])
  assert.deepEqual(after(log.revision - 2), ['a2', 'a0'])
})
