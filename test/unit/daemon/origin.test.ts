import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examineOrigin, type Place } from '../../../src/daemon/origin.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const LATER = '2026-01-05T00:00:00.000Z'
const MUCH_LATER = '2026-01-09T00:00:00.000Z'

const here: Place = { dir: '/state', hostname: 'build-7', folder: '1:1', system: 'one' }

/** A state folder. The test starts daemons with this folder in several places. */
function folder(t: Cleanup) {
  const dir = tempDir(t)
  return (place: Partial<Place>, { now = NOW, machineId = 'm', there = [] as string[] } = {}) => {
    const isThere = (before: Place) => there.includes(before.dir)
    return examineOrigin({ dir, machineId, here: { ...here, ...place }, now, isThere })?.message
  }
}

test('a state folder from another system is reported as a copy for a week', (t) => {
  const start = folder(t)
  assert.equal(start({}), undefined)
  const copy = { folder: '2:2', system: 'two', hostname: 'build-8' }
  assert.match(start(copy) ?? '', /came from another system \(build-7\)/)
  assert.match(start(copy, { now: LATER }) ?? '', /build-7/)
  assert.equal(start(copy, { now: MUCH_LATER }), undefined)
})

test('a copy on the same system is reported as long as the original exists', (t) => {
  const start = folder(t)
  start({})
  const copy = { dir: '/copy', folder: '2:2' }
  assert.match(start(copy, { there: ['/state'] }) ?? '', /is a copy of \/state/)
  assert.match(start(copy, { there: ['/state'], now: MUCH_LATER }) ?? '', /is a copy of \/state/)
  assert.equal(start(copy), undefined)
})

test('a state folder that was restored, moved, remounted or renamed is not a copy', (t) => {
  for (const place of [
    { folder: '2:2' },
    { dir: '/elsewhere', folder: '2:2' },
    { dir: '/elsewhere' },
    { system: 'of a new container', hostname: 'c0ffee' },
    { hostname: 'renamed' },
  ]) {
    const start = folder(t)
    start({})
    assert.equal(start(place), undefined, JSON.stringify(place))
  }
  // Tests systems without an id: the earlier system, the later system, or both.
  const { system: _, ...without } = here
  for (const [before, after] of [
    [without, { ...here, folder: '2:2' }],
    [here, { ...without, folder: '2:2' }],
    [without, { ...without, folder: '2:2' }],
  ] as const) {
    const dir = tempDir(t)
    const at = (place: Place) => ({ dir, machineId: 'm', here: place, now: NOW, isThere: () => false })
    examineOrigin(at(before))
    assert.equal(examineOrigin(at(after)), undefined)
  }
})

test('a copy with its own identity is no longer reported', (t) => {
  const start = folder(t)
  start({})
  const copy = { folder: '2:2', system: 'two' }
  assert.ok(start(copy))
  assert.equal(start(copy, { machineId: 'its own' }), undefined)
  assert.equal(start(copy, { machineId: 'its own' }), undefined)
})
