import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../src/agents/agent.ts'
import { MemoryPeaks } from '../../../src/daemon/memory-peaks.ts'
import { tempDir } from '../../support/temp.ts'

const MIB = 1024 * 1024

function machine(t: TestContext) {
  const path = join(tempDir(t), 'memory.json')
  const used = new Map<number, number>()
  let now = 0
  const open = () =>
    new MemoryPeaks({
      path,
      totalBytes: 16_384 * MIB,
      memoryOf: (pids) => new Map(pids.map((pid) => [pid, (used.get(pid) ?? 0) * MIB])),
      monotonic: () => now,
    })
  const agent = (pid: number) =>
    ({
      id: `a-${pid}`,
      hasEnded: false,
      isReady: true,
      run: { run: 1 },
      record: { spec: { runtime: 'claude' } },
      process: { agent: { pid } },
    }) as unknown as Agent
  const peaks = open()
  const use = (mib: number[], { afterMs = 60_000 } = {}) => {
    mib.forEach((each, pid) => {
      used.set(pid, each)
    })
    now += afterMs
    return mib.map((_, pid) => agent(pid))
  }
  return {
    open,
    peaks,
    use,
    /** Measures these agents twice, since an agent counts from its second observation on. */
    measure(mib: number[]) {
      for (let times = 0; times < 2; times++) peaks.observe(use(mib))
    },
    wait: (ms: number) => {
      now += ms
    },
  }
}

const mib = (bytes: number) => Math.round(bytes / MIB)

test('the expected memory use of a runtime is 300 MiB until three of its agents were measured', (t) => {
  const { peaks, measure } = machine(t)
  assert.equal(mib(peaks.peakOf('claude')), 300)
  measure([100, 120])
  assert.equal(mib(peaks.peakOf('claude')), 300)
  measure([100, 120, 150])
  assert.equal(mib(peaks.peakOf('claude')), 150)
  assert.equal(mib(peaks.peakOf('other')), 300)
})

test('the highest memory use of an agent counts, and the next daemon remembers it', (t) => {
  const { open, peaks, measure } = machine(t)
  measure([400, 500, 900])
  measure([100, 100, 100])
  assert.equal(mib(peaks.peakOf('claude')), 900)
  assert.equal(mib(open().peakOf('claude')), 900)
})

test('one huge agent among many does not raise the expected use, and a single huge agent raises it to at most a quarter of the machine’s memory', (t) => {
  const { peaks, measure } = machine(t)
  measure([14_000])
  assert.equal(mib(peaks.peakOf('claude')), 4096)
  measure([14_000, ...Array.from({ length: 10 }, () => 250)])
  assert.equal(mib(peaks.peakOf('claude')), 250)
})

test('agents are measured at most once a minute', (t) => {
  const { peaks, use, measure, wait } = machine(t)
  measure([400, 400, 400])
  const grown = use([800, 800, 800], { afterMs: 59_000 })
  peaks.observe(grown)
  assert.equal(mib(peaks.peakOf('claude')), 400)
  wait(1000)
  peaks.observe(grown)
  assert.equal(mib(peaks.peakOf('claude')), 800)
})

test('a new agent does not count yet, because it does not use all its memory', (t) => {
  const { peaks, use } = machine(t)
  peaks.observe(use([5, 5, 5, 5]))
  assert.equal(mib(peaks.peakOf('claude')), 300)
  peaks.observe(use([200, 210, 220, 230, 5]))
  assert.equal(mib(peaks.peakOf('claude')), 230)
})
