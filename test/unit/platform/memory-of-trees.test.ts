import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { memoryOfTrees } from '../../../src/platform/memory-of-trees.ts'
import { memoryPressure } from '../../../src/platform/memory-pressure.ts'
import { tempDir } from '../../support/temp.ts'

/** Makes a folder like /proc, with processes as `[pid, parent, session, kB]`. */
function proc(t: TestContext, processes: [number, number, number, number][]) {
  const dir = tempDir(t)
  for (const [pid, parent, session, kb] of processes) {
    mkdirSync(join(dir, String(pid)))
    writeFileSync(join(dir, String(pid), 'stat'), `${pid} (a ) (b) S ${parent} 0 ${session} 0 -1`)
    writeFileSync(join(dir, String(pid), 'status'), `Name:\tx\nVmRSS:\t   ${kb} kB\n`)
  }
  return dir
}

test('the memory of a process tree includes all descendants and the members of their sessions, and nothing else', (t) => {
  const dir = proc(t, [
    [10, 1, 10, 100],
    [11, 10, 10, 20],
    [12, 11, 12, 3],
    // The parent of this process has ended, but its session began in the tree.
    [13, 1, 12, 4],
    [20, 1, 20, 5000],
  ])
  assert.deepEqual(
    memoryOfTrees([10, 20, 99], dir),
    new Map([
      [10, 127 * 1024],
      [20, 5000 * 1024],
      [99, 0],
    ]),
  )
})

test('without /proc, the memory of trees is 0, and the pressure is undefined', () => {
  assert.deepEqual(memoryOfTrees([1], '/nowhere'), new Map([[1, 0]]))
  assert.equal(memoryPressure('/nowhere'), undefined)
})

test('the memory pressure is the average of the last ten seconds', (t) => {
  const path = join(tempDir(t), 'memory')
  writeFileSync(
    path,
    'some avg10=12.34 avg60=1.00 avg300=0.00 total=1\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=0\n',
  )
  assert.equal(memoryPressure(path), 12.34)
})
