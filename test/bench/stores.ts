import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestPostgres } from '../support/postgres.ts'
import type { Stage } from '../support/stage.ts'
import { type Cleanup, tempDir } from '../support/temp.ts'
import type { Benchmark, Options } from './benchmark.ts'
import { inTurn, report, start } from './children.ts'
import type { Figure } from './figure.ts'
import { giveAgents, giveHistory, statusesOf } from './hub-agents.ts'
import { interleaved, median, monotonic, processorMs } from './measure.ts'
import type { MachinesPlan, MachinesReport } from './programs/machines.ts'
import { type StoreKind, StoreStage } from './store-stage.ts'

/** Loads: the number of machines, and the frames in flight for each. */
const LOADS = [
  { machines: 1, window: 4000 },
  { machines: 100, window: 40 },
  { machines: 1000, window: 4 },
]
/** Frames per second of all machines together for the latency. */
const RATE = 200
const KINDS: readonly StoreKind[] = ['files', 'PostgreSQL']
/** Time of a measurement, and time before it, in which the server compiles its code, in ms. */
const RUN_MS = 3000
const WARM_MS = 1500

/** The length of all histories together, in bytes: normally, and with `--long`. */
const HISTORY_BYTES = 500 * 1024 ** 2
const LONG_BYTES = 10 * 1024 ** 3
/** Number of machines whose histories are long. */
const GROWN = 100
const PAGES = 20

interface Measured {
  /** As fast as the server acknowledges. */
  full: MachinesReport
  /** CPU time of the server for a thousand frames, in ms. */
  processorMs: number
  /** At a steady rate. */
  paced: MachinesReport
}

/** The hub with files and with a database: acknowledged activity, and the cost of long histories. */
export const stores: Benchmark = {
  name: 'stores',
  about: 'the hub with files and with PostgreSQL, from 1 to 1 000 machines, and with long histories',
  async run(t, options) {
    const server = await TestPostgres.start(t)
    return [...(await loads(t, server, options)), ...(await growth(t, server, options))]
  },
}

async function loads(t: Cleanup, server: TestPostgres, { quick, say }: Options): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const load of LOADS) {
    const machines = quick ? Math.min(load.machines, 10) : load.machines
    const title = `${machines} ${machines === 1 ? 'machine' : 'machines'}`
    say(title)
    const plan = { frame: 'small', machines, window: load.window } as const
    const atHub = (kind: StoreKind) => () =>
      inTurn(t, async (own) => {
        const store = await StoreStage.open(own, server, { kind, machines })
        const { hub } = await store.start()
        const at = { url: store.url, keyFile: store.keyFile, usedMs: () => store.processorMs(hub) }
        return measured(own, at, plan, quick)
      })
    const runs = await interleaved(quick ? 1 : 3, {
      files: atHub('files'),
      PostgreSQL: atHub('PostgreSQL'),
      floor: () => inTurn(t, (own) => atSink(own, plan, quick)),
    })
    for (const kind of KINDS)
      figures.push(...figuresOf(`${title}, ${kind}`, runs[kind], runs.floor, 'frames written to one file'))
  }
  return figures
}

async function growth(t: Cleanup, server: TestPostgres, options: Options): Promise<Figure[]> {
  const { quick, long, say } = options
  const bytes = quick ? 2 * 1024 ** 2 : long ? LONG_BYTES : HISTORY_BYTES
  const title = `histories of ${bytes >= 1024 ** 3 ? `${bytes / 1024 ** 3} GB` : `${bytes / 1024 ** 2} MB`}`
  const machines = quick ? 10 : GROWN
  const plan = { frame: 'small', machines, window: 40 } as const
  const figures: Figure[] = []
  for (const kind of KINDS) {
    say(`${title}, ${kind}`)
    const opened = (size: number) =>
      StoreStage.open(t, server, { kind, machines, give: (stage) => give(stage, machines, size) })
    const [young, old] = [await opened(0), await opened(bytes)]
    const run = (store: StoreStage) => async () => {
      const { hub, ms } = await store.start()
      try {
        const pages = await readPages(store.stage, quick ? 1 : PAGES)
        const at = { url: store.url, keyFile: store.keyFile, usedMs: () => store.processorMs(hub) }
        return { ...(await inTurn(t, (own) => measured(own, at, plan, quick))), start: ms, pages }
      } finally {
        await store.stop(hub)
      }
    }
    const runs = await interleaved(quick ? 1 : 3, { old: run(old), young: run(young) })
    const name = `${title}, ${kind}`
    const of = 'the same with short histories'
    figures.push(...figuresOf(name, runs.old, runs.young, of))
    for (const [what, key] of [
      ['start of the hub', 'start'],
      ['100 events in the middle of a history', 'pages'],
    ] as const)
      figures.push({
        name: `${name}: ${what}`,
        value: median(runs.old.map((each) => each[key])),
        unit: 'ms',
        floor: { value: median(runs.young.map((each) => each[key])), of },
      })
  }
  return figures
}

function figuresOf(title: string, ours: Measured[], floor: Measured[], of: string): Figure[] {
  const perSecond = (runs: Measured[]) => median(runs.map(({ full }) => (full.frames / full.ms) * 1000))
  const cost = (runs: Measured[]) => median(runs.map((run) => run.processorMs))
  const paced = (runs: Measured[], key: 'p50' | 'p99') => median(runs.map((run) => run.paced[key]))
  return [
    {
      name: `${title}: acknowledged frames`,
      value: perSecond(ours),
      unit: 'per s',
      floor: { value: perSecond(floor), of },
    },
    {
      name: `${title}: CPU time for 1 000 frames`,
      value: cost(ours),
      unit: 'ms',
      floor: { value: cost(floor), of },
    },
    {
      name: `${title}: acknowledgment at ${RATE} frames per s, median`,
      value: paced(ours, 'p50'),
      unit: 'ms',
      floor: { value: paced(floor, 'p50'), of },
    },
    {
      name: `${title}: the same, 99 %`,
      value: paced(ours, 'p99'),
      unit: 'ms',
      floor: { value: paced(floor, 'p99'), of },
    },
  ]
}

interface Place {
  url: string
  keyFile: string
  /** Returns the CPU time that the server has used, in ms. */
  usedMs(): number
}

type Load = Pick<MachinesPlan, 'frame' | 'machines' | 'window'>

async function atSink(t: Cleanup, load: Load, quick: boolean): Promise<Measured> {
  const dir = tempDir(t)
  const sink = start(t, 'sink.ts', join(dir, 'log'))
  const [port] = (await once(sink, 'message')) as [number]
  const keyFile = join(dir, 'keys')
  writeFileSync(keyFile, '')
  const url = `ws://127.0.0.1:${port}`
  return measured(t, { url, keyFile, usedMs: () => processorMs(sink.pid!) }, load, quick)
}

/** Sends activity to a server, first as fast as it acknowledges, then at a steady rate. */
async function measured(
  t: Cleanup,
  { url, keyFile, usedMs }: Place,
  load: Load,
  quick: boolean,
): Promise<Measured> {
  const phase = async (rate?: number) =>
    inTurn(t, async (own) => {
      const plan: MachinesPlan = { ...load, url, keyFile, ...(rate !== undefined && { rate }) }
      const machines = start(own, 'machines.ts', JSON.stringify(plan))
      await once(machines, 'message')
      machines.send('start')
      await sleep(quick ? 100 : WARM_MS)
      await report(machines)
      const before = usedMs()
      await sleep(quick ? 200 : RUN_MS)
      const made = await report<MachinesReport>(machines)
      return { made, used: usedMs() - before }
    })
  const full = await phase()
  const paced = await phase(RATE)
  return {
    full: full.made,
    processorMs: (full.used / full.made.frames) * 1000,
    paced: paced.made,
  }
}

/** Gives each machine an agent with a history. @param bytes length of all histories together */
function give(stage: Stage, machines: number, bytes: number) {
  const statuses = statusesOf(machines)
  giveAgents(stage, statuses, (n) => `machine-${n}`)
  if (bytes > 0) for (const { agent_id } of statuses) giveHistory(stage, agent_id, bytes / machines)
}

/** @returns the median time of a request for 100 events in the middle of a history, in ms */
async function readPages(stage: Stage, count: number): Promise<number> {
  const authorization = `Bearer ${stage.userKey()}`
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const id = `agent-${n}`
    const { offset } = await stage.agent(id)
    const began = monotonic()
    const answer = await fetch(
      `${stage.hubUrl}/api/agents/${id}/events?limit=100&after=${Math.floor(offset / 2)}.0`,
      { headers: { authorization } },
    )
    await answer.arrayBuffer()
    times.push(monotonic() - began)
  }
  return median(times)
}
