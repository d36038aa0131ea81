import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import { inTurn, start } from './children.ts'
import type { Figure } from './figure.ts'
import { giveKeys } from './hub-keys.ts'
import { interleaved, median, processorMs } from './measure.ts'
import type { BacklogPlan, BacklogReport } from './programs/backlog.ts'

/** Maximum time until the first acknowledgment, for 99 % of the machines, in ms. */
const FIRST_MS = 300
/** Maximum memory of the hub, in MB. */
const MEMORY_MB = 300

type Load = Pick<BacklogPlan, 'machines' | 'bytes' | 'agents'>

const LOADS: Load[] = [
  { machines: 1000, bytes: 128 * 1024, agents: 'known' },
  { machines: 1000, bytes: 128 * 1024, agents: 'new' },
  { machines: 5000, bytes: 16 * 1024, agents: 'known' },
]

interface Measured extends BacklogReport {
  /** CPU time of the server, in ms. */
  serverMs: number
  /** Largest memory of the server until then, in MB. */
  peakMb: number
}

/** Machines that return with a backlog, as after an outage. */
export const backlog: Benchmark = {
  name: 'backlog',
  about: 'acknowledgments for machines that all return at once with unacknowledged activity',
  async run(t, { quick, say }) {
    const figures: Figure[] = []
    for (const load of LOADS) {
      const plan = quick ? { ...load, machines: 10 } : load
      const title = `${plan.machines} machines with ${plan.bytes / 1024} KiB each, ${plan.agents} agents`
      say(title)
      const { ours, floor } = await interleaved(quick ? 1 : 3, {
        ours: () => inTurn(t, (own) => atHub(own, plan)),
        floor: () => inTurn(t, (own) => atSink(own, plan)),
      })
      figures.push(...figuresOf(title, ours, floor))
    }
    return figures
  },
}

function figuresOf(title: string, ours: Measured[], floor: Measured[]): Figure[] {
  const beside = (name: string, unit: Figure['unit'], value: (run: Measured) => number): Figure => ({
    name: `${title}: ${name}`,
    value: median(ours.map(value)),
    unit,
    floor: { value: median(floor.map(value)), of: 'frames written to one file' },
  })
  const judged = ({ floor: _, name, ...figure }: Figure, limit: number): Figure => ({
    ...figure,
    name: `${name}, against the goal`,
    goal: { at: 'most', limit },
  })
  const first = beside('first acknowledgment, 99 %', 'ms', (run) => run.first.p99)
  const memory = beside('peak memory', 'MB', ({ peakMb }) => peakMb)
  return [
    beside('first acknowledgment, median', 'ms', (run) => run.first.p50),
    first,
    judged(first, FIRST_MS),
    beside('everything acknowledged', 'ms', ({ ms }) => ms),
    {
      name: `${title}: share of that time in which the hub computes`,
      value: median(ours.map(({ serverMs, ms }) => (serverMs / ms) * 100)),
      unit: '%',
      // A hub that computes for less than half of the time takes twice as long as necessary.
      goal: { at: 'least', limit: 50 },
    },
    beside('CPU time of the server', 'ms', ({ serverMs }) => serverMs),
    beside('CPU time of the machines', 'ms', (run) => run.processorMs),
    {
      name: `${title}: requests to send activity again`,
      value: median(ours.map(({ resends }) => resends)),
      unit: 'count',
    },
    memory,
    judged(memory, MEMORY_MB),
  ]
}

async function atHub(t: Cleanup, load: Load): Promise<Measured> {
  const stage = await Stage.open(t)
  const keyFile = giveKeys(stage, load.machines)
  const { pid } = await stage.hub()
  return measured(t, pid, { ...load, keyFile, url: `ws://127.0.0.1:${stage.port}` })
}

async function atSink(t: Cleanup, load: Load): Promise<Measured> {
  const stage = await Stage.open(t)
  const keyFile = giveKeys(stage, load.machines)
  const sink = start(t, 'sink.ts', join(tempDir(t), 'log'))
  const [port] = (await once(sink, 'message')) as [number]
  return measured(t, sink.pid!, { ...load, keyFile, url: `ws://127.0.0.1:${port}` })
}

async function measured(t: Cleanup, server: number, plan: BacklogPlan): Promise<Measured> {
  const machines = start(t, 'backlog.ts', JSON.stringify(plan))
  await once(machines, 'message')
  const before = processorMs(server)
  machines.send('start')
  const [made] = (await once(machines, 'message')) as [BacklogReport]
  return { ...made, serverMs: processorMs(server) - before, peakMb: peakOf(server) }
}

/** Returns the largest memory that a process has had, in MB. */
function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}
