import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Benchmark } from './benchmark.ts'
import { flood, journalSink, pace } from './flow.ts'
import { median, percentile } from './measure.ts'
import { Rig } from './rig.ts'

/** Number of lines per second, and duration. */
const PACE = { perSecond: 100, seconds: 3 }
const ROUNDS = 3
const STEP_MB = 64

/**
 * An agent writes a journal of 1 GB. The cost of a line at the beginning is the floor for the cost at the
 * end. The cost at the end includes freeing the disk space of acknowledged bytes.
 */
export const growth: Benchmark = {
  name: 'growth',
  about: 'latency, throughput, and restart of a daemon whose agent has written 1 GB, compared with 1 MB',
  async run(t, { quick, say }) {
    const rig = await Rig.open(t)
    let daemon = await rig.daemon()
    const [folder] = (await rig.agents(1)) as [string]
    const journal = join(folder, 'activity.jsonl')
    const sink = journalSink(journal)
    t.after(() => sink.close())
    const seconds = quick ? 0.2 : PACE.seconds
    const measured = async () => {
      const rounds = { p50: [] as number[], throughput: [] as number[], restart: [] as number[] }
      for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
        const latencies = await pace(rig, [sink], PACE.perSecond, seconds)
        rounds.p50.push(percentile(latencies, 0.5))
        await daemon.end('SIGKILL')
        daemon = await rig.daemon()
        rounds.restart.push(daemon.tookMs)
        rounds.throughput.push(await flood(rig, [sink], quick ? 1 : 16))
        await sleep(quick ? 0 : 500)
      }
      return {
        p50: median(rounds.p50),
        restart: median(rounds.restart),
        throughput: median(rounds.throughput),
      }
    }
    await flood(rig, [sink], 1)
    const young = await measured()
    const target = quick ? 4e6 : 1e9
    say(`writing ${target / 1e6} MB`)
    while (statSync(journal).size < target) await flood(rig, [sink], quick ? 2 : STEP_MB)
    const old = await measured()
    const of = 'the same with a small journal'
    const floor = (value: number) => ({ value, of })
    return [
      {
        name: 'latency p50 at 1 GB',
        value: old.p50,
        unit: 'ms',
        floor: floor(young.p50),
        goal: { at: 'most', limit: 1.1 },
      },
      {
        name: 'throughput at 1 GB',
        value: old.throughput,
        unit: 'MB/s',
        floor: floor(young.throughput),
        goal: { at: 'least', limit: 0.9 },
      },
      {
        name: 'restart after a kill at 1 GB',
        value: old.restart,
        unit: 'ms',
        floor: floor(young.restart),
        goal: { at: 'most', limit: 1.1 },
      },
    ]
  },
}
