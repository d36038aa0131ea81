import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import { inTurn, report, start } from './children.ts'
import type { Figure } from './figure.ts'
import { giveKeys } from './hub-keys.ts'
import { interleaved, median, memoryOf, processorMs } from './measure.ts'
import type { MachinesPlan, MachinesReport } from './programs/machines.ts'

const RUN_MS = 3000
/** Time before the measurement, in which the server compiles its code, in ms. */
const WARM_MS = 1500

/** Loads: the number of machines, and the frames in flight for each. */
const LOADS: { frame: MachinesPlan['frame']; machines: number; window: number; goal: number }[] = [
  { frame: 'small', machines: 1, window: 4000, goal: 150_000 },
  { frame: 'small', machines: 100, window: 40, goal: 150_000 },
  { frame: 'small', machines: 1000, window: 4, goal: 90_000 },
  { frame: 'big', machines: 1, window: 60, goal: 160 },
  { frame: 'big', machines: 100, window: 1, goal: 160 },
  { frame: 'big', machines: 1000, window: 1, goal: 96 },
]

interface Measured extends MachinesReport {
  /** CPU time of the server, in ms. */
  processorMs: number
  rssMb: number
}

/** Activity that the hub takes in one second of CPU time, and the latency of its acknowledgments. */
export const hub: Benchmark = {
  name: 'hub',
  about: 'frames that the hub stores and acknowledges, from 1 to 1 000 machines',
  async run(t, { quick, say }) {
    const figures: Figure[] = []
    for (const load of LOADS) {
      const machines = quick ? Math.min(load.machines, 10) : load.machines
      const title = `${machines} ${machines === 1 ? 'machine' : 'machines'}, ${load.frame} frames`
      say(title)
      const { ours, floor } = await interleaved(quick ? 1 : 3, {
        ours: () => inTurn(t, (own) => atHub(own, { ...load, machines }, quick)),
        floor: () => inTurn(t, (own) => atSink(own, { ...load, machines }, quick)),
      })
      figures.push(...figuresOf(title, load, ours, floor))
    }
    return figures
  },
}

function figuresOf(
  title: string,
  { frame, goal }: (typeof LOADS)[number],
  ours: Measured[],
  floor: Measured[],
): Figure[] {
  const of = 'frames written to one file'
  const perCore = (runs: Measured[]) =>
    median(
      runs.map(({ frames, bytes, processorMs }) =>
        frame === 'small' ? (frames / processorMs) * 1000 : bytes / processorMs / 1000,
      ),
    )
  const value = (key: 'p50' | 'p99' | 'rssMb') => median(ours.map((run) => run[key]))
  return [
    {
      name: `${title}: for one core`,
      value: perCore(ours),
      unit: frame === 'small' ? 'per s' : 'MB/s',
      floor: { value: perCore(floor), of },
    },
    {
      name: `${title}: for one core, against the goal`,
      value: perCore(ours),
      unit: frame === 'small' ? 'per s' : 'MB/s',
      goal: { at: 'least', limit: goal },
    },
    {
      name: `${title}: acknowledgment, median`,
      value: value('p50'),
      unit: 'ms',
      floor: { value: median(floor.map(({ p50 }) => p50)), of },
    },
    { name: `${title}: acknowledgment, 99 %`, value: value('p99'), unit: 'ms' },
    { name: `${title}: memory of the hub`, value: value('rssMb'), unit: 'MB' },
  ]
}

type Load = Omit<MachinesPlan, 'url' | 'keyFile'>

async function atHub(t: Cleanup, load: Load, quick: boolean): Promise<Measured> {
  const stage = await Stage.open(t)
  const keyFile = giveKeys(stage, load.machines)
  const { pid } = await stage.hub()
  return measured(t, pid, { ...load, keyFile, url: `ws://127.0.0.1:${stage.port}` }, quick)
}

async function atSink(t: Cleanup, load: Load, quick: boolean): Promise<Measured> {
  const stage = await Stage.open(t)
  const keyFile = giveKeys(stage, load.machines)
  const sink = start(t, 'sink.ts', join(tempDir(t), 'log'))
  const [port] = (await once(sink, 'message')) as [number]
  return measured(t, sink.pid!, { ...load, keyFile, url: `ws://127.0.0.1:${port}` }, quick)
}

/** Sends activity to a server, and measures the server. */
async function measured(t: Cleanup, server: number, plan: MachinesPlan, quick: boolean): Promise<Measured> {
  const machines = start(t, 'machines.ts', JSON.stringify(plan))
  await once(machines, 'message')
  machines.send('start')
  await sleep(quick ? 100 : WARM_MS)
  await report(machines)
  const before = processorMs(server)
  await sleep(quick ? 200 : RUN_MS)
  const made = await report<MachinesReport>(machines)
  return { ...made, processorMs: processorMs(server) - before, rssMb: memoryOf(server).rss }
}
